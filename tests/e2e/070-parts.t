#!/bin/sh
# Messages and parts by URL: exact bytes, ranges, conditions, and nothing active from a mail.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

mail=$root/tmp/mail
mkdir "$mail"
head -c 3000 /dev/urandom >"$root/tmp/picture"
{
    printf 'From: a@example.org\nTo: b@example.org\nSubject: parts\nMIME-Version: 1.0\n'
    printf 'Content-Type: multipart/mixed; boundary="=b"\n\n'
    printf -- '--=b\nContent-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit\n\n\320\322\311\327\305\324\n'
    printf -- '--=b\nContent-Type: image/png; name="picture.png"\nContent-Transfer-Encoding: base64\n'
    printf 'Content-Disposition: inline\n\n'
    base64 "$root/tmp/picture"
    printf -- '--=b\nContent-Type: text/html; name="page.html"\n\n<script>alert(1)</script>\n'
    printf -- '--=b\nContent-Type: image/svg+xml\nContent-Disposition: attachment; filename="a\\"; x=y.svg"\n\n<svg onload="alert(1)"/>\n'
    printf -- "--=b\nContent-Type: application/pdf; name*=utf-8''%%d0%%b9%%e2%%80%%aefdp.exe%%0d%%0aX-Evil:%%201\n\n%%PDF\n"
    printf -- '--=b\nContent-Type: application/x; name="../../etc/passwd"\n\nx\n'
    printf -- '--=b\nContent-Type: text/plain; charset="utf-8\\"; X=1"; name=""\n\ny\n'
    printf -- '--=b\nContent-Type: message/rfc822\n\nSubject: inner\nX-A: 1\n\ninner body\n'
    printf -- '--=b\nContent-Type: text/plain\n\n--=b--\n'
} >"$mail/1"
printf 'Subject: raw\r\nX: \000\377\r\n\r\nbare\rcr and lf\n.\r\n' >"$mail/2"
printf 'Subject: single\nContent-Type: audio/wav; name=voice.wav\nContent-Transfer-Encoding: quoted-printable\n\n=01=02=03' >"$mail/3"
make_account user@example.org password
import user@example.org INBOX "$mail/1" "$mail/2" "$mail/3"
import user@example.org 'Deep/A?b#c%41 d/..' "$mail/2"
import user@example.org 'INBOX-like' "$mail/3"
httpd_start
login user@example.org password
parts=$url/Session/$id/MIME

# bytes NAME FILE: the last body is exactly that of the file.
bytes() {
    if cmp -s "$root/tmp/body" "$2"; then
        pass "$1"
    else
        fail "$1" "status $status" "$(od -c "$root/tmp/body" | head -n 3)"
    fi
}

for uid in 1 2 3; do
    http "$parts/INBOX/$uid-P.txt"
    bytes "message $uid as it came" "$mail/$uid"
done
is 'type of a whole message' "$(header Content-Type)" 'text/plain'
is 'nosniff' "$(header X-Content-Type-Options)" nosniff
is 'sandbox' "$(header Content-Security-Policy)" "sandbox; default-src 'none'"
has 'not for shared caches' "$(header Cache-Control)" private
is 'no referrer' "$(header Referrer-Policy)" no-referrer
http "$parts/inbox/2-P.txt"
bytes 'INBOX in any case' "$mail/2"
http "$parts/INBOX/2-P"
bytes 'without the extension' "$mail/2"

http "$parts/INBOX/1-02-B/whatever.png"
bytes 'a decoded part' "$root/tmp/picture"
is 'its type' "$(header Content-Type)" image/png
is 'a picture may be shown' "$(header Content-Disposition)" "inline; filename=\"picture.png\"; filename*=UTF-8''picture.png"
is 'sandboxed, too' "$(header Content-Security-Policy)" "sandbox; default-src 'none'"
etag=$(header ETag)
matches 'a strong ETag' "$etag" '^"[!-~]+"$'
http "$parts/INBOX/1-02-B/x" -H "If-None-Match: $etag"
is 'not modified' "$status" 304
http "$parts/INBOX/1-03-B/x" -H "If-None-Match: $etag"
is 'another part has another ETag' "$status" 200
http "$parts/INBOX/1-02-B/x" -H 'If-Match: "other"'
is 'a condition that fails' "$status" 412
http "$parts/INBOX/1-02-B/x" -H 'Range: bytes=10-19'
is 'a range' "$status" 206
tail -c +11 "$root/tmp/picture" | head -c 10 >"$root/tmp/expected"
bytes 'its bytes' "$root/tmp/expected"
is 'Content-Range' "$(header Content-Range)" 'bytes 10-19/3000'
http "$parts/INBOX/1-02-B/x" -H 'Range: bytes=5000-'
is 'a range outside' "$status" 416
http "$parts/INBOX/1-02-B/x" -I
is 'HEAD' "$status $(header Content-Length) $(wc -c <"$root/tmp/body" | tr -d ' ')" "200 3000 $(wc -c <"$root/tmp/body" | tr -d ' ')"

disposition() {
    http "$parts/INBOX/$2"
    is "$1: type" "$(header Content-Type)" "$3"
    is "$1: disposition" "$(header Content-Disposition)" "$4"
}
disposition text 1-01-B/t.txt 'text/plain;charset=koi8-r' "attachment; filename=\"t.txt\"; filename*=UTF-8''t.txt"
disposition HTML 1-03-B application/octet-stream "attachment; filename=\"page.html\"; filename*=UTF-8''page.html"
disposition SVG 1-04-B application/octet-stream \
    "attachment; filename=\"a_; x=y.svg\"; filename*=UTF-8''a_%3B%20x%3Dy.svg"
http "$parts/INBOX/1-05-B"
is 'PDF' "$(header Content-Type)" application/pdf
lacks 'a name makes no header' "$headers" 'X-Evil: 1'
lacks 'a name does not turn its end' "$(header Content-Disposition)" '%E2%80%AE'
http "$parts/INBOX/1-06-B"
lacks 'a name is no path' "$(header Content-Disposition)" / %2F
http "$parts/INBOX/1-07-B/..%2F%22%0d%0aX-Evil:%201"
is 'a charset that is none' "$(header Content-Type)" text/plain
lacks 'the name in the URL makes no header' "$headers" 'X-Evil: 1'
http "$parts/INBOX/1-08-B/mail.eml"
printf 'Subject: inner\nX-A: 1\n\ninner body' >"$root/tmp/expected"
bytes 'the message in a message' "$root/tmp/expected"
is 'its type' "$(header Content-Type)" application/octet-stream
http "$parts/INBOX/1-08-01-B"
is 'the part of a message in a message' "$body" 'inner body'
http "$parts/INBOX/1-09-B"
is 'an empty part' "$status $(header Content-Length)" '200 0'
printf '\001\002\003' >"$root/tmp/expected"
for part in 3-01-B 3-B/voice.wav 3--B/voice.wav; do
    http "$parts/INBOX/$part"
    bytes "the one part, $part" "$root/tmp/expected"
done
is 'sound' "$(header Content-Type)" audio/wav

http "$parts/Deep/A%3Fb%23c%2541%20d/%2e%2e/1-P.txt"
bytes 'a folder of several segments and odd characters' "$mail/2"
http "$parts/Deep%2fA%3Fb%23c%2541%20d%2F%2e%2e/1-P.txt"
bytes 'its slashes encoded' "$mail/2"
http "$parts/INBOX-like/1-01-B/1-P.txt"
bytes 'a name that looks like a message' "$root/tmp/expected"
sync '<folderOpen id="1" folder="my view/1" mailbox="INBOX-like" sortField="UID"><field>UID</field></folderOpen>'
http "$parts/my%20view%2F1/1-P.txt"
bytes 'the name of an open folder' "$mail/3"

for wrong in INBOX/99-P.txt INBOX/1-99-B INBOX/0-P.txt INBOX/4294967297-P.txt nowhere/1-P.txt INBOX/1 INBOX \
    INBOX/1-P.txt/more INBOX//1-P.txt INBOX/x-P.txt INBOX/1-01-01-01-01-B INBOX/-1-P.txt; do
    http "$parts/$wrong"
    is "not there: $wrong" "$status" 404
done
http "$url/Session/000000-aaaaaaaaaaaaaaaaaaaa/MIME/INBOX/1-P.txt"
is 'no session' "$status" 550
http "$parts/INBOX/1-P.txt%00"
is 'a NUL' "$status" 400
http "$parts/INBOX/1-P.txt" -d x
is 'no POST' "$status" 405
httpd_done
