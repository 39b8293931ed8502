#!/bin/sh
# Login by every carrier, its failures, and what of it stands in the logs.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

modules='remoteip log_forensic'
config="
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
ForensicLog $root/logs/forensic.log
LogFormat \"%r|%U|%q|%f|%m|%H|%{Referer}i|%>s\" one
LogFormat \"%t %{X-Client}i %s %U%q\" two
CustomLog $root/logs/one.log one
CustomLog $root/logs/two.log two
CustomLog $root/logs/three.log \"%u %{REQUEST_URI}e %>U %<q %<r\"
ExtendedStatus On
<Location /status>
    SetHandler server-status
</Location>
XimssEngine On"
make_account user@example.org 'se&cret pässword'
make_account user@other.test other-password
make_account plain@example.org plain-password
log_known='login of login: .*incorrect password or account name'
httpd_start
login_url=$url/XIMSSLogin/
encoded=se%26cret+p%C3%A4ssword

# Failures count for the address: each comes from one of its own.
fails=0
failing() {
    fails=$((fails + 1))
    http "$@" -H "X-Client: 198.51.100.$fails"
}

logged_in() {
    is "$1: status" "$status" 200
    matches "$1: session" "$body" \
        '^<XIMSS><session( [a-zA-Z]+="[^"]*")* urlID="[0-9]{6}-[A-Za-z0-9]{20}" userName="user@example.org"( [a-zA-Z]+="[^"]*")*/></XIMSS>$'
    lacks "$1: no response element, no id" "$body" '<response' ' id='
}

refused_as_xml() {
    is "$1: status" "$status" 200
    is "$1: response" "$body" \
        '<XIMSS><response errorNum="515" errorText="incorrect password or account name"/></XIMSS>'
}

http "$login_url?userName=user@example.org&password=$encoded&errorAsXML=1&random=1"
logged_in 'GET with a query'
is 'the body ends with CRLF' "$(tail -c 10 "$root/tmp/body" | od -An -c | tr -d ' \n')" '</XIMSS>\r\n'
is 'type' "$(header Content-Type)" 'text/xml;charset=utf-8'
is 'cache' "$(header Cache-Control)" no-cache
is 'pragma' "$(header Pragma)" no-cache
is 'referrer policy' "$(header Referrer-Policy)" no-referrer
is 'nosniff' "$(header X-Content-Type-Options)" nosniff
is 'any origin' "$(header Access-Control-Allow-Origin)" '*'
is 'no cookie unless asked' "$(header Set-Cookie)" ''

http "$url/ximsslogin/?USERNAME=user&PassWord=$encoded"
logged_in 'lower case, names in any case, default domain'
http "$url/ximssLogin" -d "username=user@example.org&password=$encoded"
logged_in 'POST of a form without the last slash'
http "$url/%58IMSSLogin/" -d "username=user@example.org&password=$encoded"
logged_in 'realm with an escape'
http "$login_url?userName=user&password=not-right" -H 'Content-Type: application/json' -d "password=$encoded"
logged_in 'the form wins over the query, whatever its type'
http -u 'user@example.org:se&cret pässword' "$login_url"
logged_in 'Basic by GET'
http -u 'user@example.org:se&cret pässword' -X POST "$login_url"
logged_in 'Basic by an empty POST'
http "$login_url" -H 'Host: other.test' -d 'userName=user&password=other-password'
has 'the Host header names the domain' "$body" 'userName="user@other.test"'
http "$login_url?domain=other.test&userName=user&password=other-password"
has 'the domain parameter' "$body" 'userName="user@other.test"'

failing "$login_url?errorAsXML=1&userName=user@example.org&password=not-right"
refused_as_xml 'wrong password'
failing "$login_url?errorAsXML=yes" -d 'userName=nobody@example.org&password=x'
refused_as_xml 'unknown user'
failing "$login_url?errorAsXML=1" -d 'userName=user@example.org'
refused_as_xml 'no password'
failing "$login_url?errorAsXML=1&sessionid=000001-abcdefghijklmnopqrst"
refused_as_xml 'unknown session'
failing "$login_url?userName=user@example.org&password=not-right"
is 'without errorAsXML' "$status" 403
is 'its type' "$(header Content-Type)" 'text/plain;charset=utf-8'
lacks 'its body is no markup' "$body" '<'
failing "$login_url"
is 'no credentials' "$status" 401
matches 'challenge' "$(header WWW-Authenticate)" '^Basic realm="[^"]+"'
failing -u 'user@example.org:not-right' "$login_url"
is 'wrong Basic' "$status" 401
matches 'challenge again' "$(header WWW-Authenticate)" '^Basic realm='
failing "$login_url?loginAsGuest=1&errorAsXML=1"
has 'no anonymous sessions' "$body" '<XIMSS><response errorNum="500"'
head -c 70000 /dev/zero | tr '\0' a >"$root/tmp/big"
http "$login_url" --data-binary "@$root/tmp/big"
is 'a huge login body' "$status" 413
http -X PUT "$login_url" -d x
is 'another method' "$status" 405

http "$login_url" -H 'Content-Type: application/x-www-form-urlencoded' \
    -d ' <XIMSS><listFeatures id="list"/></XIMSS>'
matches 'listFeatures: the data message first' "$body" '^<XIMSS><features [^>]*id="list"'
has 'listFeatures: response' "$body" '<response id="list"/></XIMSS>'
http "$login_url" -d '<XIMSS><readStrings id="a"/><nonsense id="b"/><mailboxList id="c"/></XIMSS>'
has 'a document of several requests' "$body" '<response id="a"/>' '<response errorNum="500"' 'errorNum="530"'
failing "$login_url" -d '<XIMSS><login id="1" authData="user@example.org" password="nope"/></XIMSS>'
has 'a posted login' "$body" '<response errorNum="51'
http "$login_url" -d '<XIMSS><listFeatures</XIMSS>'
is 'malformed document' "$status" 400

# --- sessions from sessions -----------------------------------------------------------------

login plain@example.org plain-password
old=$id
http "$login_url?errorAsXML=1&sessionid=$old"
id=$(xml_get session/@urlID)
ok 'a session makes a session' [ -n "$id" ]
ok 'with another urlID' [ "$id" != "$old" ]
sync '<noop id="1"/>'
is 'which works' "$status" 200
id=$old
sync '<noop id="1"/>'
is 'beside the old one' "$status" 200
http "$login_url?errorAsXML=1&sessionid=$old&killOld=1"
ok 'with killOld' [ -n "$(xml_get session/@urlID)" ]
sync '<noop id="1"/>'
is 'the old one ends' "$status" 550

# --- cookie ---------------------------------------------------------------------------------

login plain@example.org plain-password EnableUseCookie=1
cookie=$(header Set-Cookie)
matches 'cookie at login' "$cookie" "^CGateProWebUser=[A-Za-z0-9]{20}; Path=/Session/$id; HttpOnly; SameSite=Strict\$"
sync '<noop id="1"/>'
is 'the first request may lack it' "$status" 200
is 'and is given it' "$(header Set-Cookie)" "$cookie"
sync '<noop id="1"/>'
is 'the second may not' "$status" 550
sync '<noop id="1"/>' -H "Cookie: a=b; ${cookie%%;*}; c=d"
is 'with it' "$status" 200
sync '<noop id="1"/>' -H 'Cookie: CGateProWebUser=aaaaaaaaaaaaaaaaaaaa'
is 'with a wrong one' "$status" 550
http "$login_url?errorAsXML=1&sessionid=$id"
has 'its urlID alone opens no other session' "$body" 'errorNum="515"'
http "$login_url?errorAsXML=1&sessionid=$id" -H "Cookie: ${cookie%%;*}"
has 'with the cookie it does' "$body" '<session '
sync '<noop id="1"/>' -H "Cookie: ${cookie%%;*}x"
is 'with a longer one' "$status" 550
http "$url/Session/$id/KILL" -d ''
is 'KILL needs it, too' "$status" 550

# --- address --------------------------------------------------------------------------------

login plain@example.org plain-password
sync '<noop id="1"/>' -H 'X-Client: 192.0.2.7'
is 'another address' "$status" 550
sync '<noop id="1"/>'
is 'the session lives on' "$status" 200
login plain@example.org plain-password DisableIPWatch=1
sync '<noop id="1"/>' -H 'X-Client: 192.0.2.7'
is 'DisableIPWatch' "$status" 200

login plain@example.org plain-password
sync '<prefsStore id="1"><UseCookie>YES</UseCookie><IPWatch>NO</IPWatch></prefsStore>'
login plain@example.org plain-password
has 'a cookie by preference' "$(header Set-Cookie)" CGateProWebUser=
login plain@example.org plain-password DisableUseCookie=1
is 'DisableUseCookie' "$(header Set-Cookie)" ''
sync '<noop id="1"/>'
sync '<noop id="1"/>' -H 'X-Client: 192.0.2.7'
is 'no watch by preference' "$status" 200
sync '<prefsStore id="1"><UseCookie/><IPWatch/></prefsStore>'

# --- repeated failures ----------------------------------------------------------------------

for try in 1 2 3 4 5 6 7 8; do
    http "$login_url?errorAsXML=1&try=$try" -H 'X-Client: 192.0.2.66' \
        -d "userName=user@other.test&password=not-right"
done
refused_as_xml 'the eighth failure'
http "$login_url?errorAsXML=1" -H 'X-Client: 192.0.2.66' -d 'userName=user@other.test&password=other-password'
refused_as_xml 'the right password is refused then'

# --- logs -----------------------------------------------------------------------------------

login plain@example.org plain-password
http "$url/Session/$id/sync?sessionid=$id" -d '<XIMSS/>' -H "Referer: $url/Session/$id/"
http "$url/SESSION/$id/nowhere"
http "$url//Session/$id/sync"
http "$url/$id"
failing "$login_url?userName=a&password=hidden-one&a=b&hidden-two=x&hidden-three"
http "$url//XIMSSLogin/?password=hidden-four"
http --request-target "/XIMSSLogin/?password=hidden-five and hidden-six" "$url"
http --request-target "http://u:hidden-seven@127.0.0.1/XIMSSLogin/?password=hidden-eight" "$url"
http --request-target "/Session/%3$(printf '%s' "$id" | cut -c2-)/sync" "$url"
http "$url/XIMSSLogin/?password=hidden-nine" -H 'Host:' -0
http "$url/my-session/?visible=1" -H "Referer: $url/session-page?shown=2"
http "$url/status"
page=$body
httpd_stop
logs=$(cat "$root"/logs/access.log "$root"/logs/one.log "$root"/logs/two.log "$root"/logs/three.log \
    "$root"/logs/forensic.log "$root"/logs/error.log)
secret=${id#*-}
lacks 'no log has a urlID' "$logs$page" "$secret" "${old#*-}"
lacks 'no log has a password' "$logs$page" 'se%26cret' 'other-password' 'plain-password' not-right hidden-
has 'logs of the rest of the site stay as they are' "$logs" '/my-session/?visible=1' '/session-page?shown=2'
has 'logs show where' "$logs" "/Session/${id%%-*}-***/sync" '/XIMSSLogin/?userName=user@example.org&password=***'
httpd_done
