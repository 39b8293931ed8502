#!/bin/sh
# The service over HTTP/2: documents, parts, logs; polls wait, but few and not long, or are sent back to HTTP/1.1.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

[ "$XIMSS_MPM" != prefork ] || skip_all 'mod_http2 does not run in prefork'
[ -e "$httpd_libexec/mod_http2.so" ] || skip_all 'no mod_http2'
curl --version | grep -qw HTTP2 || skip_all 'this curl knows no HTTP/2'

printf 'Subject: one\n\nbody\n' >"$root/tmp/mail"
make_account user@example.org password
import user@example.org INBOX "$root/tmp/mail"
children=1
modules=http2
all_config='XimssEngine On
LogLevel debug
XimssHTTP2MaxWait 100s
H2MaxWorkers 6
H2MinWorkers 6
MinSpareThreads 1
<Location /status>
    SetHandler server-status
</Location>'
secure=
if [ -e "$httpd_libexec/mod_ssl.so" ] && command -v openssl >/dev/null; then
    modules='http2 socache_shmcb ssl'
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout "$root/key" -out "$root/cert" 2>/dev/null
    # below the ports that connections take: this one is not tried again
    tls_port=$(($(httpd_random) % 9000 + 10000))
    secure=https://127.0.0.1:$tls_port
fi

# start MORE: with h2c, and h2 over TLS.
start() {
    config="$all_config
Protocols h2c http/1.1
$1"
    [ -z "$secure" ] || config="$config
Listen 127.0.0.1:$tls_port
<VirtualHost 127.0.0.1:$tls_port>
    Protocols h2 http/1.1
    SSLEngine On
    SSLCertificateFile $root/cert
    SSLCertificateKeyFile $root/key
</VirtualHost>"
    httpd_start
    clear=$url
}
# poll NAME CURL-ARGUMENTS: in the background; its status, version of HTTP and body go to NAME.out.
poll() {
    poll_name=$1
    shift
    rm -f "$root/tmp/$poll_name.out"
    curl -sk -m 130 -w '%{http_code} %{http_version}' "$@" >"$root/tmp/$poll_name.out" &
    job=$!
}
answered() {
    [ -s "$root/tmp/$1.out" ]
}
result() {
    wait_for answered "$1"
    tr -d '\r' <"$root/tmp/$1.out" | tr '\n' ' '
}
polls_wait() {
    [ "$(curl -s "$clear/status?auto" | sed -n 's/^XimssPollsOfChild: //p')" = "$1" ]
}

# over NAME URL CURL-ARGUMENTS: what every client does.
over() {
    name=$1
    url=$2
    shift 2
    http "$url/XIMSSLogin/?errorAsXML=1" -d 'userName=user@example.org&password=password&EnableUseCookie=1' "$@"
    matches "$name: it is HTTP/2" "$headers" '^HTTP/2 200'
    id=$(xml_get session/@urlID)
    cookie=$(header Set-Cookie)
    set -- "$@" -b "${cookie%%;*}"
    case $url in
    https*) has "$name: a secure cookie" "$cookie" '; Secure' ;;
    *) lacks "$name: a cookie" "$cookie" '; Secure' ;;
    esac
    sync '<noop id="1"/>' "$@"
    is "$name: a batch" "$body" '<XIMSS><response id="1"/></XIMSS>'
    { printf '<XIMSS>%300000s' '' && printf '<noop id="2"/></XIMSS>'; } >"$root/tmp/large"
    http "$url/Session/$id/sync?reqSeq=1" --data-binary "@$root/tmp/large" "$@"
    is "$name: a large one" "$body" '<XIMSS><response id="2"/></XIMSS>'
    http "$url/Session/$id/sync?reqSeq=1" -T - "$@" -X POST <"$root/tmp/large"
    is "$name: again, of unknown length" "$body" '<XIMSS><response id="2"/></XIMSS>'
    http "$url/Session/$id/MIME/INBOX/1-P.txt" "$@"
    is "$name: a message" "$body" "$(cat "$root/tmp/mail")"
    http "$url/Session/$id/UPLOAD/u" -F "fileData=@$root/tmp/large" "$@"
    is "$name: an upload" "$status" 200
    sync '<fileStore id="4" fileName="private/large" uploadID="u"/>' "$@"
    is "$name: is stored" "$body" '<XIMSS><response id="4"/></XIMSS>'
    http "$url/Session/$id/DOWNLOAD/private/large" "$@"
    ok "$name: and comes back" cmp "$root/tmp/large" "$root/tmp/body"
    http "$url/Session/$id/?maxWait=0" "$@"
    is "$name: an idle poll" "$status $body" '200 <XIMSS/>'
    poll one "$url/Session/$id/?ackSeq=0&maxWait=100" "$@"
    ok "$name: a poll waits" wait_for polls_wait 1
    http "$url/Session/$id/async" -d '<XIMSS><noop id="3"/></XIMSS>' "$@"
    is "$name: it is woken" "$(result one)" '<XIMSS respSeq="1"><response id="3"/></XIMSS> 200 2'
    poll two "$url/Session/$id/?ackSeq=1&maxWait=100" "$@"
    ok "$name: it waits again" wait_for polls_wait 1
    kill $job
    ok "$name: until its client goes" wait_for polls_wait 0
    poll three "$url/Session/$id/?ackSeq=1&maxWait=100" "$@"
    wait_for polls_wait 1
    poll four "$url/Session/$id/?ackSeq=1&maxWait=100" "$@"
    is "$name: a second poll ends the first" "$(result three)" '<XIMSS/> 200 2'
    http "$url/Session/$id/KILL" "$@"
    is "$name: and the end ends it" "$(result four | sed 's/.* \(.*\) 2$/\1/;s/.* //')" 550
}

start ''
over h2c "$url" --http2-prior-knowledge
if [ -n "$secure" ]; then
    over 'h2 over TLS' "$secure" -k --http2
else
    skip 'h2 over TLS' 'no mod_ssl'
fi
url=$clear
login user@example.org password
http "$url/Session/$id/?maxWait=0" --http2
matches 'an upgrade of HTTP/1.1 is not taken' "$headers" '^HTTP/1.1 200'
is 'and the request answered' "$body" '<XIMSS/>'
http "$url/" --http2
has 'elsewhere in the site it is' "$headers" 'HTTP/1.1 101 ' 'HTTP/2 404'
secret=${id#*-}
lacks 'no log has a urlID or a password' "$(cat "$root"/logs/*.log)" "$secret" password

# A third of the six threads of HTTP/2 may wait.
for name in a b c; do
    login user@example.org password
    eval "$name=\$id"
done
poll one "$url/Session/$a/?maxWait=100" --http2-prior-knowledge
poll two "$url/Session/$b/?maxWait=100" --http2-prior-knowledge
ok 'two polls wait' wait_for polls_wait 2
http "$url/Session/$c/?maxWait=100" --http2-prior-knowledge
is 'a third one does not' "$status $body" '200 <XIMSS/>'
poll three "$url/Session/$c/?maxWait=100"
ok 'unless by HTTP/1.1' wait_for polls_wait 3
ok 'a graceful restart' httpd_graceful
is 'ends the first' "$(result one)" '<XIMSS/> 200 2'
is 'and the second' "$(result two)" '<XIMSS/> 200 2'
httpd_stop
httpd_judge 'waiting: the error log is clean'

start 'XimssHTTP2MaxWait 1s'
login user@example.org password
http "$url/Session/$id/?maxWait=100" --http2-prior-knowledge
is 'a wait is cut short' "$status $body" '200 <XIMSS/>'
httpd_stop
httpd_judge 'short: the error log is clean'

start 'XimssHTTP2Poll HTTP11'
login user@example.org password
http "$url/Session/$id/?maxWait=0" --http2-prior-knowledge
is 'a poll that need not wait' "$status $body" '200 <XIMSS/>'
http "$url/Session/$id/async" -d '<XIMSS><noop id="1"/></XIMSS>'
http "$url/Session/$id/?maxWait=100&ackSeq=0" --http2-prior-knowledge
is 'nor one that has something' "$status $body" '200 <XIMSS respSeq="1"><response id="1"/></XIMSS>'
for base in "$clear" $secure; do
    case $base in
    https*) protocol='-k --http2' ;;
    *) protocol=--http2-prior-knowledge ;;
    esac
    # shellcheck disable=SC2086
    poll one "$base/Session/$id/?ackSeq=1&maxWait=100" $protocol
    ok "${base%%:*}: one that has to wait" wait_for polls_wait 1
    url=$clear
    sync '<noop id="2"/>'
    http "$url/Session/$id/?ackSeq=1&maxWait=0"
    is "${base%%:*}: came again over HTTP/1.1" "$(result one)" '<XIMSS/> 200 1.1'
done
httpd_done
