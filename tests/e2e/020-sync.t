#!/bin/sh
# Batches in a session: bodies, exact bytes, wrong input, the end of a session.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

config='XimssEngine On
XimssMaxRequestBody 100K
XimssMaxRequestDepth 10
XimssMaxBatch 50'
make_account user@example.org password
httpd_start
login user@example.org password
sync_url=$url/Session/$id/sync
document='<XIMSS><noop id="21"/> <noop id="A001"/></XIMSS>'
answer='<XIMSS><response id="21"/><response id="A001"/></XIMSS>'

for type in 'text/xml' 'text/xml; charset=utf-8' 'application/xml' 'application/json' 'text/plain' \
    'application/x-www-form-urlencoded' ''; do
    http "$sync_url" -H "Content-Type: $type" --data-binary "$document"
    is "type '$type'" "$status $body" "200 $answer"
done
http "$sync_url" -X GET --data-binary "$document"
is 'GET with a body' "$status $body" "200 $answer"
http "$sync_url?reqSeq=1&random=7" -H 'Transfer-Encoding: chunked' --data-binary "$document"
is 'chunked' "$status $body" "200 $answer"
http "$sync_url" -X GET -H 'Transfer-Encoding: chunked' --data-binary "$document"
is 'GET, chunked' "$status $body" "200 $answer"
http "$url/sESSION/$id/SYNC?reqSeq=2&syncAsync=1" --data-binary "$document"
is 'any letter case, syncAsync' "$status $body" "200 $answer"
http "$sync_url" --data-binary "$document"
is 'bytes of the reply' "$(od -An -c "$root/tmp/body" | tr -d ' \n' | tail -c 14)" '/></XIMSS>\r\n'
is 'type of the reply' "$(header Content-Type)" 'text/xml;charset=utf-8'
is 'cache' "$(header Cache-Control)" no-cache
is 'referrer policy' "$(header Referrer-Policy)" no-referrer
is 'any origin' "$(header Access-Control-Allow-Origin)" '*'
http "$sync_url" --data-binary "$document" -H 'Range: bytes=0-3'
is 'no ranges of documents' "$status $body" "200 $answer"

http "$sync_url" -X POST
is 'no body' "$status $body" '200 <XIMSS></XIMSS>'
http "$sync_url" --data-binary '<XIMSS/>'
is 'an empty batch' "$status $body" '200 <XIMSS></XIMSS>'
http "$sync_url" --data-binary '<?xml version="1.0" encoding="ISO-8859-1"?><ximss reqSeq="4"><NOOP ID="1"/></ximss>'
is 'names in any case, a prolog' "$status $body" '200 <XIMSS><response id="1"/></XIMSS>'
sync '<noop/><unheardOf id="u"/><noop id="&lt;&quot;&amp;&#13;"/><readTime id="t"/>'
matches 'no id' "$body" '^<XIMSS><response errorNum="501" errorText="[^"]*"/>'
has 'unknown command' "$body" '<response errorNum="500" errorText="unknown command" id="u"/>'
ok 'the reply is well-formed' python3 "$XIMSS_SRC/tests/e2e/lib/xmlcheck.py" wellformed <"$root/tmp/body"
is 'an id of hostile characters' "$(xml_get 'response[3]/@id' | tr '\r' R)" '<"&R'
matches 'attributes in order' "$body" '<currentTime gmtTime="[^"]*" id="t" localTime="[^"]*"/>'
sync '<bannerRead id="x"/><starttls id="y"/>'
matches 'known, not built' "$body" 'errorNum="500" errorText="[^"]*not supported'
has 'known, not in a session' "$body" 'errorNum="530"'

# --- wrong documents ------------------------------------------------------------------------

bad() {
    http "$sync_url" --data-binary "$2"
    is "$1" "$status" "${3:-400}"
    is "$1: type" "$(header Content-Type)" 'text/plain;charset=utf-8'
    lacks "$1: no markup" "$(printf '%s' "$body" | cut -c1)" '<'
}
bad 'not closed' '<XIMSS><noop id="1">'
bad 'no XML' 'hello'
bad 'two roots' '<XIMSS/><XIMSS/>'
bad 'another root' '<noop id="1"/>'
bad 'DOCTYPE' '<!DOCTYPE XIMSS [<!ENTITY a "b">]><XIMSS><noop id="&a;"/></XIMSS>'
bad 'external entity' '<!DOCTYPE x SYSTEM "file:///etc/passwd"><XIMSS><noop id="1"/></XIMSS>'
bad 'unknown entity' '<XIMSS><noop id="&unknown;"/></XIMSS>'
bad 'control character' '<XIMSS><noop id="&#1;"/></XIMSS>'
bad 'too deep' '<XIMSS><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a></XIMSS>' 413
bad 'too many requests' "<XIMSS>$(yes '<noop id="1"/>' | head -n 60)</XIMSS>" 413
head -c 200000 /dev/zero | tr '\0' ' ' >"$root/tmp/big"
http "$sync_url" --data-binary "@$root/tmp/big"
is 'body over the limit' "$status" 413
http "$sync_url" -H 'Transfer-Encoding: chunked' -H 'Expect:' --data-binary "@$root/tmp/big"
is 'chunked body over the limit' "$status" 413
http "$sync_url" --data-binary "$document"
is 'the session works on' "$body" "$answer"

# --- other URLs -----------------------------------------------------------------------------

http -X OPTIONS "$sync_url" -H 'Origin: http://x.test' -H 'Access-Control-Request-Method: POST'
is 'preflight' "$status" 204
is 'preflight: origin' "$(header Access-Control-Allow-Origin)" '*'
has 'preflight: methods' "$(header Access-Control-Allow-Methods)" GET POST OPTIONS
has 'preflight: headers' "$(header Access-Control-Allow-Headers)" Content-Type Authorization
http -X DELETE "$sync_url"
is 'another method' "$status" 405
http "$url/Session/$id/async" -d "$document"
is 'async: an empty answer' "$status $body" '200 <XIMSS></XIMSS>'
http "$url/Session/$id/elsewhere"
is 'no such URL' "$status" 404

lost() {
    is "$1" "$status" 550
    is "$1: type" "$(header Content-Type)" 'text/plain;charset=utf-8'
    lacks "$1: no markup" "$body" '<'
    is "$1: any origin" "$(header Access-Control-Allow-Origin)" '*'
    matches "$1: status line" "$headers" '^HTTP/1.1 550 .'
}
case $id in
*x) other=y ;;
*) other=x ;;
esac
for wrong in "${id%?}$other" "${id}x" "${id%?}" 999999-abcdefghijklmnopqrst x "$id%00" "$id%0a"; do
    http "$url/Session/$wrong/sync" -d "$document"
    case $wrong in
    *%00) is 'a NUL' "$status" 400 ;;
    *) lost "urlID $(printf '%s' "$wrong" | cut -c 1-8)... (${#wrong})" ;;
    esac
done
http "$url/Session/"
lost 'no urlID'

# A body that nobody wants is not the next request on the connection.
cat >"$root/tmp/raw.py" <<'PYTHON'
import socket, sys
host, port, target, size = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
hidden = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
body = hidden * (size // len(hidden))
request = "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (target, len(body))
last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
with socket.create_connection((host, port)) as connection:
    answer = b""
    try:
        connection.sendall(request.encode() + body + last)
        while True:
            data = connection.recv(65536)
            if not data:
                break
            answer += data
    except OSError:
        pass
print(" ".join(line.split()[1] for line in answer.decode().split("\n") if line.startswith("HTTP/1.1 ")))
PYTHON
raw() {
    is "$1" "$(python3 "$root/tmp/raw.py" 127.0.0.1 "$port" "$2" "$3")" "$4"
}
raw 'the body for a lost session' /Session/000001-aaaaaaaaaaaaaaaaaaaa/sync 3000 '550 404'
raw 'the body for a URL that is none' "/Session/$id/none" 3000 '404 404'
raw 'the body of a KILL' "/Session/000001-aaaaaaaaaaaaaaaaaaaa/KILL" 3000 '550 404'
raw 'a body over the limit' "/Session/$id/sync" 150000 413
lacks 'no body became a request' "$(cat "$root/logs/access.log")" smuggled

# --- ends -----------------------------------------------------------------------------------

sync '<noop id="1"/><bye id="2"/><noop id="3"/>'
is 'bye ends the batch' "$body" '<XIMSS><response id="1"/><response id="2"/></XIMSS>'
sync '<noop id="1"/>'
lost 'after bye'
login user@example.org password
http "$url/Session/$id/KILL" -d ''
is 'KILL' "$status $body" '200 '
sync '<noop id="1"/>'
lost 'after KILL'
login user@example.org password
http "$url/Session/$id/kill"
is 'KILL by GET' "$status" 200
httpd_done
