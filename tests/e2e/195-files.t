#!/bin/sh
# Stored files over HTTP: written, listed, and downloaded in whole or part, as attachments that do no harm.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

modules="http2 filter deflate"
config='XimssEngine On
Protocols h2c http/1.1
AddOutputFilterByType DEFLATE application/pdf'
make_account user@example.org password
make_account other@example.org password
httpd_start
login other@example.org password
sync '<fileWrite id="1" fileName="private/secret">x</fileWrite>'
login user@example.org password
files=$url/Session/$id/DOWNLOAD

# write NAME FILE: stores the bytes of the file.
write() {
    {
        printf '<XIMSS><fileWrite id="w" fileName="%s"><base64>' "$1"
        base64 "$2"
        printf '</base64></fileWrite></XIMSS>'
    } >"$root/tmp/request"
    http "$url/Session/$id/sync" -H 'Content-Type: text/xml' --data-binary "@$root/tmp/request"
    [ "$body" = '<XIMSS><response id="w"/></XIMSS>' ] || fail "write $1" "$body"
}

# bytes NAME FILE: the last body is exactly that of the file.
bytes() {
    if cmp -s "$root/tmp/body" "$2"; then
        pass "$1"
    else
        fail "$1" "status $status" "$(od -c "$root/tmp/body" | head -n 3)"
    fi
}

head -c 1000003 /dev/urandom >"$root/tmp/big"
head -c 3000 /dev/urandom >"$root/tmp/small"
: >"$root/tmp/empty"
sync '<fileDirCreate id="1" fileName="docs"/><fileDirCreate id="2" fileName="docs/A &amp; b?#%41"/>'
xml_is 'directories' '<XIMSS><response id="1"/><response id="2"/></XIMSS>'
write 'docs/big.pdf' "$root/tmp/big"
write 'docs/A &amp; b?#%41/s m.png' "$root/tmp/small"
write 'empty.txt' "$root/tmp/empty"
write 'page.html' "$root/tmp/small"

http "$files/docs/big.pdf"
is 'a download' "$status $(header Content-Type) $(header Content-Length)" '200 application/pdf 1000003'
bytes 'its bytes' "$root/tmp/big"
is 'an attachment' "$(header Content-Disposition)" "attachment; filename=\"big.pdf\"; filename*=UTF-8''big.pdf"
is 'nosniff' "$(header X-Content-Type-Options)" nosniff
is 'sandbox' "$(header Content-Security-Policy)" "sandbox; default-src 'none'"
is 'no referrer' "$(header Referrer-Policy)" no-referrer
has 'not for shared caches' "$(header Cache-Control)" private
etag=$(header ETag)
modified=$(header Last-Modified)
matches 'a strong ETag' "$etag" '^"[!-~]+"$'
http "$files//docs/big.pdf" -I
is 'HEAD, and a slash more' "$status $(header Content-Length) $(header ETag)" "200 1000003 $etag"
http "$files/docs/A%20&%20b%3F%23%2541/s%20m.png"
bytes 'odd names' "$root/tmp/small"
is 'no picture is shown in place' "$(header Content-Disposition)" "attachment; filename=\"s m.png\"; filename*=UTF-8''s%20m.png"
http "$files/docs%2Fbig.pdf" -H 'Range: bytes=0-0'
is 'a slash encoded' "$status" 206
http "$files/~user@example.org/docs/big.pdf" -I
is 'by the own account' "$status $(header ETag)" "200 $etag"
http "$files/empty.txt"
is 'an empty file' "$status $(header Content-Length) $(header Content-Type)" '200 0 text/plain'
http "$files/page.html"
is 'HTML is no page' "$(header Content-Type) $(header Content-Disposition)" \
    "application/octet-stream attachment; filename=\"page.html\"; filename*=UTF-8''page.html"

# range NAME RANGE FROM LENGTH
range() {
    http "$files/docs/big.pdf" -H "Range: bytes=$2"
    tail -c "+$(($3 + 1))" "$root/tmp/big" | head -c "$4" >"$root/tmp/expected"
    is "$1: status" "$status $(header Content-Range) $(header Content-Length)" \
        "206 bytes $3-$(($3 + $4 - 1))/1000003 $4"
    bytes "$1: bytes" "$root/tmp/expected"
}
range 'a range' 10-19 10 10
range 'over the edges of pieces' 262143-786433 262143 524291
range 'to the end' 999990- 999990 13
range 'the last bytes' -1000000 3 1000000
http "$files/docs/big.pdf" -H 'Range: bytes=2000000-'
is 'a range outside' "$status" 416
http "$files/docs/big.pdf" -H 'Range: bytes=0-4,262140-262150,500000-500003'
is 'several ranges' "$status" 206
python3 - "$root/tmp/body" "$root/tmp/big" "$(header Content-Type)" >"$root/tmp/out" <<'PY'
import email, sys
body, big, kind = open(sys.argv[1], 'rb').read(), open(sys.argv[2], 'rb').read(), sys.argv[3]
boundary = kind.split('boundary=')[1].strip('"').encode()
parts = body.split(b'--' + boundary)[1:-1]
got = [part.split(b'\r\n\r\n', 1)[1][:-2] for part in parts]
print(got == [big[0:5], big[262140:262151], big[500000:500004]])
PY
is 'their bytes' "$(cat "$root/tmp/out")" True

http "$files/docs/big.pdf" --http2-prior-knowledge
bytes 'by HTTP/2' "$root/tmp/big"
http "$files/docs/big.pdf" --http2-prior-knowledge -H 'Range: bytes=262140-262150'
is 'a range by HTTP/2' "$status $(header Content-Range)" '206 bytes 262140-262150/1000003'
http "$files/docs/big.pdf" --compressed
is 'the site compresses' "$(header Content-Encoding)" gzip
bytes 'and nothing is lost' "$root/tmp/big"
http "$files/docs/big.pdf" -H "If-None-Match: $etag"
is 'not modified' "$status" 304
http "$files/docs/big.pdf" -H "If-Modified-Since: $modified"
is 'not modified since' "$status" 304
http "$files/docs/big.pdf" -H 'If-Match: "other"'
is 'a condition that fails' "$status" 412
http "$files/docs/big.pdf" -H "If-Range: $etag" -H 'Range: bytes=0-9'
is 'If-Range, the same' "$status $(header Content-Length)" '206 10'
write 'docs/big.pdf' "$root/tmp/small"
http "$files/docs/big.pdf" -H "If-Range: $etag" -H 'Range: bytes=0-9'
is 'If-Range, another writing' "$status $(header Content-Length)" '200 3000'
bytes 'the new bytes' "$root/tmp/small"
http "$files/docs/big.pdf" -H "If-None-Match: $etag"
is 'modified' "$status" 200

for name in nothing docs docs/ '' docs/nothing empty.txt/x ../user docs/../empty.txt %2e%2e/x 'a%00b' 'a%ffb' '%01' \
    private/../../../../etc/passwd; do
    http --path-as-is "$files/$name"
    matches "no file: $name" "$status" '^40[04]$'
done
http "$files/~other@example.org/private/secret"
is 'a file of another' "$status" 403
there=$body
http "$files/~other@example.org/private/nothing"
is 'as if it were not there' "$status $body" "403 $there"
http "$files/~nobody@example.org/private/secret"
is 'as of nobody' "$status $body" "403 $there"
http "$url/Session/000000-aaaaaaaaaaaaaaaaaaaa/DOWNLOAD/empty.txt"
is 'no session' "$status" 550
http "$files/empty.txt" -X POST -d x
is 'POST' "$status" 405

name='%D0%B9%E2%80%AEfdp.exe'
write "$(printf '\320\271\342\200\256fdp.exe')" "$root/tmp/small"
http "$files/$name"
lacks 'a name does not turn its end' "$(header Content-Disposition)" '%E2%80%AE'
sync "<fileWrite id=\"1\" fileName=\"a&quot;; x=&quot;b.txt\">x</fileWrite>"
http "$files/a%22%3B%20x=%22b.txt"
is 'a name makes no parameter' "$(header Content-Disposition)" "attachment; filename=\"a_; x=_b.txt\"; filename*=UTF-8''a_%3B%20x%3D_b.txt"
http "$url/Session/$id/FILE/empty.txt"
is 'FILE is not built' "$status" 501

login other@example.org password
sync '<fileRead id="1" fileName="private/secret"/><fileAttrWrite id="2" fileName="private/secret"><accessPwd><key>Hush99</key></accessPwd></fileAttrWrite>'
has 'each has his own' "$body" '>x</fileData>' '<response id="2"/>'
lacks 'a password is logged nowhere' "$(cat "$root"/logs/* 2>/dev/null)" Hush99
ctl check >"$root/tmp/out" 2>&1
is 'check finds nothing wrong' $? 0

httpd_done
