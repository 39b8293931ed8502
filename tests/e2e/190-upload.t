#!/bin/sh
# Uploads: forms and bare files, limits before and while the body comes, nothing left of broken ones, no lock and no
# memory taken meanwhile.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

modules="remoteip http2"
config='XimssEngine On
RemoteIPHeader X-Client
Protocols h2c http/1.1
XimssMaxUploads 5'
make_account user@example.org password
head -c 300000 /dev/urandom >"$root/tmp/picture"
head -c 2000000 /dev/zero >"$root/tmp/zeros"
printf 'text\r\n--b\r\nnot a delimiter' >"$root/tmp/text"
: >"$root/tmp/empty"
httpd_start
log_known='exit signal Killed'

# upload ID CURL-ARGUMENTS...
upload() {
    upload_id=$1
    shift
    http "$url/Session/$id/UPLOAD/$upload_id" "$@"
}

# The file that lies under ID, and what is told of it.
stored() {
    echo "$data"/uploads/s*/"$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)"
}

# kept NAME ID FILE PROPERTIES: ID lies on disk as the bytes of FILE behind a block that holds PROPERTIES.
kept() {
    if tail -c +4097 "$(stored "$2")" | cmp -s - "$3"; then
        is "$1" "$(head -c 4096 "$(stored "$2")" | tr -s '\000' '|')" "XIMSSUP1$2|$4|"
    else
        fail "$1" "status $status" "$(ls -l "$data"/uploads/*)"
    fi
}

count() {
    find "$data/uploads" -name "$1" -type f | wc -l
}

# slow NAME ID SIZE BEFORE: an upload that has sent BEFORE bytes of SIZE.
slow() {
    rm -f "$root/tmp/$1".*
    python3 "$XIMSS_SRC/tests/e2e/lib/upload.py" "$port" "/Session/$id/UPLOAD/$2" "$root/tmp/$1" "$3" "$4" &
    [ "$3" -lt 0 ] || wait_for test -e "$root/tmp/$1.half"
}

# slow_end NAME on|reset: lets it go on; its status is in $status.
slow_end() {
    echo "$2" >"$root/tmp/$1.go"
    wait_for test -e "$root/tmp/$1.status"
    status=$(cat "$root/tmp/$1.status")
}

all_gone() {
    [ "$(find "$data/uploads" -type f | wc -l)" = 0 ]
}

login user@example.org password

# ---- what is kept ----

upload att01 -F "fileData=@$root/tmp/picture;type=image/png;filename=$(printf 'bild \303\244.png')"
is 'a form' "$status" 200
is 'other pages may use it' "$(header Access-Control-Allow-Origin)" '*'
kept 'bytes, type and name' att01 "$root/tmp/picture" "$(printf 'image|png|bild \303\244.png')"
upload att02 -F note=ignored -F "fileData=@$root/tmp/text;type=text/plain; charset=koi8-r;filename=a.txt" \
    -F "fileData=@$root/tmp/picture" -F after=ignored
is 'a form with more' "$status" 200
kept 'the first file of it, and its charset' att02 "$root/tmp/text" 'text|plain|koi8-r|a.txt'
upload att02 --data-binary "@$root/tmp/empty" -H 'Content-Type: Application/PDF' \
    -H "Content-Disposition: attachment; filename*=utf-8''..%2fa%e2%82%ac.pdf"
is 'a bare file replaces it' "$status" 200
kept 'an empty one' att02 "$root/tmp/empty" "$(printf 'application|pdf|a\342\202\254.pdf')"
upload 'a%2F%C3%A4?filename=C:%5Cb%20c.bin' --data-binary "@$root/tmp/text" -H 'Transfer-Encoding: chunked'
is 'in chunks' "$status" 200
kept 'the name from the query' "$(printf 'a/\303\244')" "$root/tmp/text" 'application|octet-stream|b c.bin'
is 'three files' "$(count '*')" 3
is 'no other user reads them' "$(stat -c %a "$data/uploads" "$(stored att01)" | tr '\n' ' ')" '700 600 '

# ---- what is refused ----

upload '' -F "fileData=@$root/tmp/text"
is 'no uploadID' "$status" 400
upload att03 -F "file=@$root/tmp/text"
has 'no fileData' "$status $body" '400 the form has no part named fileData'
upload att03 --data-binary 'x' -H 'Content-Type: multipart/form-data; boundary=b'
is 'no form' "$status" 400
upload att03 -F "fileData=@$root/tmp/text" -F "more=@$root/tmp/zeros"
has 'too much beside the file' "$status $body" '413 the form has more than its file'
upload att03
is 'GET' "$status" 405
http "$url/Session/000001-12345678901234567890/UPLOAD/a" -F "fileData=@$root/tmp/text"
is 'no session' "$status" 550
is 'said to other pages, too' "$(header Access-Control-Allow-Origin)" '*'
upload att03 -F "fileData=@$root/tmp/text" -H 'X-Client: 192.0.2.77'
is 'another address' "$status" 550
is 'nothing of it is kept' "$(count '*')" 3
upload x1 -F "fileData=@$root/tmp/text"
upload x2 -F "fileData=@$root/tmp/text"
is 'as many as allowed' "$status" 200
upload x3 -F "fileData=@$root/tmp/text"
has 'one too many' "$status $body" '413 too many files' 'at most 5'
upload x2 -F "fileData=@$root/tmp/empty"
is 'replacing goes on' "$status" 200
sync '<clearUploaded id="1" uploadID="x1"/><clearUploaded id="2" uploadID="none"/>'
is 'clearUploaded of one' "$(xml_get response/@errorNum)$(count '*')" 4
sync '<clearUploaded id="1"/>'
is 'of all' "$(xml_get response/@errorNum)$(count '*')" 0

# ---- while it comes ----

slow a one 3000000 2000000
on_disk() {
    tail -c +4097 "$(echo "$data"/uploads/s*/new-*)" | head -c 2000000 | tr -d x | cmp -s - /dev/null &&
        [ "$(tail -c +4097 "$(echo "$data"/uploads/s*/new-*)" | head -c 2000000 | wc -c)" = 2000000 ]
}
ok 'what was sent is on disk before the rest comes' wait_for on_disk
sync '<noop id="1"/>' -m 5
is 'the session goes on meanwhile' "$(xml_get response/@id)" 1
upload two -F "fileData=@$root/tmp/text"
is 'and so do its other uploads' "$status" 200
slow_end a on
is 'the end' "$status" 200
is 'all of it' "$(tail -c +4097 "$(stored one)" | wc -c)" 3000000

slow b one 3000000 2000000
slow_end b reset
no_new() {
    [ "$(count 'new-*')" = 0 ]
}
ok 'of a client that goes nothing is left' wait_for no_new
is 'but the file before it' "$(tail -c +4097 "$(stored one)" | wc -c)" 3000000

slow c three 3000000 2000000
ok 'a graceful restart' httpd_graceful
upload two -F "fileData=@$root/tmp/picture"
slow_end c on
is 'an upload outlives it' "$status" 200
is 'whole' "$(tail -c +4097 "$(stored three)" | wc -c)" 3000000
kept 'as do the files before it' two "$root/tmp/picture" 'application|octet-stream|picture'

slow d four 3000000 2000000
# shellcheck disable=SC2046
kill -9 $(httpd_children)
slow_end d on
is 'the child is killed' "$status" -
wait_for httpd_answers
upload five -F "fileData=@$root/tmp/text"
is 'the next upload' "$status" 200
is 'clears away what was left' "$(count 'new-*')" 0

slow e six 3000000 2000000
http "$url/Session/$id/KILL" -d ''
ok 'the session ends, and all files go' wait_for all_gone
slow_end e on
is 'an upload for it' "$status" 550
is 'leaves nothing, no folder either' "$(find "$data/uploads" -mindepth 1)" ''

# ---- many at once, in two children ----

login user@example.org password
sent=
for i in 1 2 3 4 5; do
    curl -s -m 60 -o /dev/null "$url/Session/$id/UPLOAD/p$i" -F "fileData=@$root/tmp/picture" &
    sent="$sent $!"
done
# shellcheck disable=SC2086
wait $sent
all=0
for i in 1 2 3 4 5; do
    if tail -c +4097 "$(stored p$i)" | cmp -s - "$root/tmp/picture"; then
        all=$((all + 1))
    fi
done
is 'five at once' "$all" 5

# ---- HTTP/2 ----

if [ "$XIMSS_MPM" != prefork ] && curl -V | grep -q HTTP2; then
    upload p1 --http2-prior-knowledge -F "fileData=@$root/tmp/text"
    is 'over HTTP/2' "$status" 200
    kept 'all of it' p1 "$root/tmp/text" 'application|octet-stream|text'
    upload p6 --http2-prior-knowledge -F "fileData=@$root/tmp/text"
    is 'refused over HTTP/2' "$status" 413
else
    skip 'over HTTP/2' 'no HTTP/2 here'
fi

# ---- in a message ----

upload p2 -F "fileData=@$root/tmp/picture;type=image/png;filename=p.png"
sync "<messageAppend id='1' targetMailbox='Drafts' mailboxClass=''><EMail><Subject>s</Subject>
    <MIME type='multipart' subtype='mixed'><MIME type='text' subtype='plain'>t</MIME><MIME uploadID='p2'/></MIME>
    </EMail></messageAppend><clearUploaded id='2'/><clearUploaded id='3'/>"
is 'a message is made of it, and it is cleared in one batch' "$(xml_get response/@errorNum)$(count '*')" 0
http "$url/Session/$id/MIME/Drafts/1-02-B/x"
is 'with its type' "$(header Content-Type)" image/png
has 'and name' "$(header Content-Disposition)" 'filename="p.png"'
ok 'and bytes' cmp "$root/tmp/body" "$root/tmp/picture"

# ---- cookies ----

login user@example.org password EnableUseCookie=1
cookie=$(header Set-Cookie | sed 's/;.*//')
upload c1 -F "fileData=@$root/tmp/text" -H "Cookie: $cookie"
is 'with the cookie' "$status" 200
sync '<noop id="1"/>' -H "Cookie: $cookie"
upload c1 -F "fileData=@$root/tmp/text"
is 'without it' "$status" 550

# ---- size ----

# Peak memory of all children, in KB.
peak() {
    for child in $(httpd_children); do
        sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$child/status"
    done | sort -n | tail -n 1
}
login user@example.org password
upload warm -F "fileData=@$root/tmp/picture"
before=$(peak)
head -c 100000000 /dev/zero >"$root/tmp/100M"
upload big -F "fileData=@$root/tmp/100M"
is '100 MB' "$status" 200
upload big -T - -X POST <"$root/tmp/100M"
is '100 MB in chunks' "$status" 200
is 'all of it' "$(stat -c %s "$(stored big)")" 100004096
after=$(peak)
ok 'memory of a child stays what it was' [ $((after - before)) -lt 6000 ]
echo "# peak of a child: $before KB before, $after KB after"
upload bigger -H 'Content-Type: application/zip' -H 'Content-Length: 104857601' --data-binary x -m 5
has 'a file that says it is too large' "$status $body" '413 the file is too large (at most 104857600 bytes)'
slow f bigger -110000000 0
wait_for test -e "$root/tmp/f.status"
is 'a form that does, before it comes' "$(cat "$root/tmp/f.status")" 413
head -c 5000000 /dev/zero >>"$root/tmp/100M"
upload bigger -T - -X POST <"$root/tmp/100M"
has 'one that does not say' "$status $body" '413 the file is too large'
truncate -s 100000000 "$root/tmp/100M"
upload more -T - -X POST <"$root/tmp/100M"
is 'in all' "$status" 200
truncate -s 20000000 "$root/tmp/100M"
upload more2 -T - -X POST <"$root/tmp/100M"
has 'too much in all' "$status $body" '413 the uploaded files of this session are too large together' 209715200
is 'nothing is left of those' "$(count 'new-*')" 0

# ---- a full disk ----

sync '<clearUploaded id="1"/>'
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=1m,mode=777 tmpfs "$data/uploads" 2>/dev/null; then
    log_known="$log_known|XM3301"
    upload full -F "fileData=@$root/tmp/picture" -F "x=y"
    is 'a small disk' "$status" 200
    upload full2 -T - -X POST <"$root/tmp/zeros"
    has 'a full one, while it comes' "$status $body" '507 the server has no space for uploads now'
    upload full2 --data-binary "@$root/tmp/zeros"
    is 'and before' "$status" 507
    is 'nothing is left' "$(count 'new-*')" 0
    upload full2 -F "fileData=@$root/tmp/picture"
    is 'and it goes on' "$status" 200
    umount -l "$data/uploads"
else
    skip 'a full disk' 'cannot mount a small one'
fi

# ---- the end of it all ----

upload last -F "fileData=@$root/tmp/text"
sync '<bye id="1"/>'
is 'bye' "$(find "$data/uploads" -path '*'"${id%%-*}"'*' | wc -l)" 0
login user@example.org password
upload left -F "fileData=@$root/tmp/text"
left=$(stored left)
slow g left2 3000000 2000000
# shellcheck disable=SC2046
kill -9 "$httpd_pid" $(httpd_children)
wait "$httpd_pid" 2>/dev/null
httpd_pid=
slow_end g on
ok 'left by a server that was killed' [ -e "$left" ]
httpd_start
ok 'swept by the next one' wait_for all_gone
httpd_done
