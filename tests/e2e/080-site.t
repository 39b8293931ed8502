#!/bin/sh
# Beside other content: a second virtual host with the usual modules on, and HTTP/2.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

modules='dir rewrite alias deflate filter autoindex mime negotiation setenvif env expires auth_basic authn_core
 authn_file authz_user proxy proxy_http cache cache_disk speling userdir actions include http2 reqtimeout unique_id'
mkdir -p "$root/other/Session" "$root/other/list" "$root/other/XIMSSLogin" "$root/cache"
echo session-file >"$root/other/Session/index.html"
echo login-file >"$root/other/XIMSSLogin/index.html"
echo other >"$root/other/index.html"
echo fallback >"$root/other/fallback.html"
printf 'Subject: one\n\nbody\n' >"$root/tmp/mail"
printf 'webadmin:%s\n' "$(openssl passwd -apr1 secret 2>/dev/null || echo x)" >"$root/passwords"
chmod 755 "$root/other" && chmod 644 "$root/passwords"

# The same awkward site twice: with the engine and without it.
site() {
    cat <<SITE
    DocumentRoot "$root/other"
    <Directory "$root/other">
        Options +Indexes +MultiViews +Includes
        AllowOverride None
        Require all granted
        DirectoryIndex index.html
    </Directory>
    FallbackResource /fallback.html
    <Directory "$root/other/list">
        FallbackResource disabled
    </Directory>
    CheckSpelling On
    AllowEncodedSlashes $1
    MergeSlashes On
    Alias /Session/alias "$root/other"
    RewriteEngine On
    RewriteRule ^/Session/(.*)sync\$ /rewritten [R=302,L]
    RewriteRule ^/old\$ /index.html [L]
    Redirect /XIMSSLogin/redirected http://127.0.0.1/
    ProxyPass /Session/proxied http://127.0.0.1:9/
    AddOutputFilterByType DEFLATE text/xml text/plain text/html
    ExpiresActive On
    ExpiresDefault "access plus 1 day"
    ErrorDocument 404 "site error page"
    ErrorDocument 401 "site error page"
    ErrorDocument 403 "site error page"
    AddDefaultCharset iso-8859-5
    AddHandler server-parsed .txt
SITE
}
config="
TypesConfig /dev/null
Protocols h2c http/1.1
CacheRoot \"$root/cache\"
<VirtualHost *>
    ServerName 127.0.0.1
$(site On)
</VirtualHost>
<VirtualHost *>
    ServerName mail.test
    XimssEngine On
$(site Off)
    <Location /Session/closed>
        Require all denied
    </Location>
</VirtualHost>
<VirtualHost *>
    ServerName decoding.test
    XimssEngine On
    CacheEnable disk /
    ProxyPass / http://127.0.0.1:9/ mapping=encoded
$(site On)
</VirtualHost>
<VirtualHost *>
    ServerName guarded.test
    XimssEngine On
    <Location \"/Session/\">
        Require ip 192.0.2.1
    </Location>
    <Location \"/XIMSSLogin/\">
        AuthType Basic
        AuthName guard
        AuthUserFile \"$root/passwords\"
        Require valid-user
    </Location>
</VirtualHost>"
make_account user@example.org password
import user@example.org 'A/B' "$root/tmp/mail"
log_known='AH01630: client denied by server configuration: uri /(Session|XIMSSLogin)/'
httpd_start
document='<XIMSS><noop id="1"/></XIMSS>'
answer='<XIMSS><response id="1"/></XIMSS>'

# --- the host without the engine ------------------------------------------------------------

http "$url/XIMSSLogin/" -H 'Host: elsewhere.test'
is 'off: the login URL is a folder of the site' "$body" login-file
http "$url/Session/" -H 'Host: elsewhere.test'
is 'off: the session URL is a folder of the site' "$body" session-file
http "$url/Session/123456-abcdefghijklmnopqrst/sync" -d "$document"
is 'off: rules of the site hold' "$status" 302

# --- the hosts with it ----------------------------------------------------------------------

for host in mail.test decoding.test; do
    http "$url/XIMSSLogin/" -H "Host: $host" -d 'userName=user@example.org&password=password'
    id=$(xml_get session/@urlID)
    ok "$host: login" [ -n "$id" ]
    lacks "$host: no headers of the site" "$headers" max-age iso-8859-5
    http "$url/Session/$id/sync" -H "Host: $host" -d "$document"
    is "$host: batch" "$status $body" "200 $answer"
    sync "$(yes '<noop id="1"/>' | head -n 20)" -H "Host: $host" -H 'Accept-Encoding: gzip'
    is "$host: compressed" "$(header Content-Encoding) $(gzip -dc <"$root/tmp/body" 2>&1 | grep -o '<resp' | wc -l | tr -d ' ')" 'gzip 20'
    http "$url/Session/$id/?maxWait=0" -H "Host: $host"
    is "$host: poll" "$body" '<XIMSS/>'
    http "$url/Session/$id/MIME/A%2FB/1-P.txt" -H "Host: $host"
    is "$host: an encoded slash" "$status $body" "200 $(cat "$root/tmp/mail")"
    http --path-as-is "$url/Session/$id/MIME/A//B/1-P.txt" -H "Host: $host"
    is "$host: two slashes are no one" "$status" 404
    sync '<folderOpen id="1" folder="x//..%41/../y" mailbox="A/B" sortField="UID"><field>UID</field></folderOpen>' \
        -H "Host: $host"
    http --path-as-is "$url/Session/$id/MIME/x//..%2541/%2e%2e/y/1-P.txt" -H "Host: $host"
    is "$host: names stay as they are" "$status" 200
    http "$url/Session/$id/MIME/A%00/1-P.txt" -H "Host: $host"
    is "$host: NUL" "$status" 400
    http "$url/Session/$id/nowhere" -H "Host: $host"
    is "$host: our 404" "$body" 'no such URL'
    http "$url/XIMSSLogin/" -H "Host: $host" -d 'userName=user@example.org&password=x'
    is "$host: our 403" "$status $body" '403 incorrect password or account name'
    http "$url/Session/000000-aaaaaaaaaaaaaaaaaaaa/" -H "Host: $host"
    is "$host: 550" "$status" 550
done
host=mail.test
for path in /Sessions /Session.html /XIMSSLoginX/ /xSession/; do
    http "$url$path" -H "Host: $host"
    is "like our URLs, but not: $path" "$body" "$(curl -s "$url$path" -H 'Host: elsewhere.test')"
done
http "$url/" -H "Host: $host"
is 'the rest of the site' "$body" other
http "$url/list/" -H "Host: $host"
has 'its indexes' "$body" 'Index of /list'
http "$url/old" -H "Host: $host"
is 'its rewrites' "$body" other
http "$url/a%2Fb" -H "Host: $host"
is 'its encoded slashes' "$status" 404
http "$url/nowhere" -H "Host: $host"
is 'its fallbacks' "$body" fallback

# --- the site's own restrictions ------------------------------------------------------------

http "$url/SESSION/$id/sync" -H 'Host: guarded.test' -d "$document"
is 'Require ip in <Location>, any letter case' "$status" 403
http "$url/%53ession/$id/sync" -H 'Host: guarded.test' -d "$document"
is 'and with escapes' "$status" 403
http "$url/ximsslogin/" -H 'Host: guarded.test' -d 'userName=user@example.org&password=password'
is 'Basic authentication of the site' "$status" 401
http "$url/XIMSSLogin" -H 'Host: guarded.test' -u webadmin:secret -d 'userName=user@example.org&password=password'
is 'passed' "$status" 200

# --- HTTP/2 ---------------------------------------------------------------------------------

http --http2-prior-knowledge "$url/XIMSSLogin/" -H 'Host: mail.test' -d 'userName=user@example.org&password=password'
id=$(xml_get session/@urlID)
matches 'HTTP/2: login' "$headers" '^HTTP/2 200'
ok 'HTTP/2: session' [ -n "$id" ]
http --http2-prior-knowledge "$url/Session/$id/sync" -H 'Host: mail.test' -d "$document"
is 'HTTP/2: batch' "$body" "$answer"
http --http2-prior-knowledge "$url/Session/$id/?maxWait=1" -H 'Host: mail.test'
is 'HTTP/2: poll' "$body" '<XIMSS/>'
http --http2-prior-knowledge "$url/Session/${id}x/?maxWait=1" -H 'Host: mail.test'
is 'HTTP/2: lost' "$status" 550
http --http2-prior-knowledge "$url/Session/$id/MIME/A%2FB/1-P.txt" -H 'Host: mail.test'
is 'HTTP/2: part' "$body" "$(cat "$root/tmp/mail")"
lacks 'no log has the urlID' "$(cat "$root"/logs/*.log)" "${id#*-}"
httpd_done
