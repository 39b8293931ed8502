#!/bin/sh
# Directives: wrong values are found by the syntax check, virtual hosts inherit and override.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

# refused NAME TEXT PART: httpd -t fails and says PART.
refused() {
    config=$2
    if output=$(httpd_test_config); then
        fail "$1" "accepted: $2"
    else
        has "$1" "$output" "$3"
    fi
}
accepted() {
    config=$2
    if output=$(httpd_test_config); then
        pass "$1"
    else
        fail "$1" "$output"
    fi
}

config='XimssEngine On'
accepted 'the smallest' 'XimssEngine On'
for file in ximss ximss-mpm ximss-reference; do
    accepted "conf.d/$file.conf" "Include \"$XIMSS_SRC/conf.d/$file.conf\""
done

# Every directive of the code: what it takes and where it may stand.
sed -n 's/^XIMSS_SETTING("\([A-Za-z0-9]*\)", [a-z0-9_.]*, \([A-Z0-9]*\), \([0-9]*\), \([0-9]*\), \([A-Z]*\),.*/\1 \2 \3 \4 \5/p' \
    "$XIMSS_SRC/mod_ximss/directives.def" >"$root/tmp/directives"
ok 'directives are found' [ "$(wc -l <"$root/tmp/directives")" -gt 20 ]
while read -r name kind least most scope; do
    case $kind in
    FLAG | SECURE) good=On bad='maybe 1 ""' ;;
    HTTP2) good=HTTP11 bad='On 1 ""' ;;
    SIZE) good=$(((least + 1023) / 1024))K bad="-1 1T 5KB x $((least - 1)) $((most + 1)) 99999999999999999999" ;;
    COUNT) good=$most bad="-1 x 1k $((most + 1)) 99999999999999999999" ;;
    SECONDS) good=$((least + 59))s bad="-1 x 1500ms $((most + 1)) 0.5" ;;
    TLS) good=starttls bad='On 1 ""' ;;
    PATH | PROGRAM) good=somewhere/else bad='""' ;;
    WORD) good=example.org bad='"" a/b "a b"' ;;
    esac
    accepted "$name $good" "$name $good"
    eval "set -- $bad"
    for value in "$@"; do
        refused "$name \"$value\"" "$name \"$value\"" "$name"
    done
    [ "$least" = 0 ] || [ "$kind" = SIZE ] || refused "$name 0" "$name 0" "$name"
    refused "$name without a value" "$name" "$name"
    refused "$name in <Location>" "<Location /x>
$name $good
</Location>" "$name"
    if [ "$scope" = GLOBAL ]; then
        refused "$name in a virtual host" "<VirtualHost *>
$name $good
</VirtualHost>" "$name"
    else
        accepted "$name in a virtual host" "<VirtualHost *>
$name $good
</VirtualHost>"
    fi
done <"$root/tmp/directives"
refused 'XimssAllowOrigin nonsense' 'XimssAllowOrigin example.org' XimssAllowOrigin
refused 'XimssAllowOrigin with a path' 'XimssAllowOrigin http://example.org/' XimssAllowOrigin
accepted 'XimssAllowOrigin' 'XimssAllowOrigin http://example.org https://b.test:8443'
refused 'data inside the runtime folder' "XimssEngine On
XimssDataDir $root/runtime/data" XM0601
refused 'runtime inside the data folder' "XimssEngine On
XimssRuntimeDir $data/runtime" XM0601

# --- hosts ----------------------------------------------------------------------------------

make_account user@example.org password
data_two=$root/data-two
mkdir "$data_two"
[ -z "$httpd_user" ] || chown "$httpd_user" "$data_two"
data_one=$data
data=$data_two
make_account only@two.test password
data=$data_one
config="XimssEngine On
XimssAllowOrigin http://one.test http://two.test
XimssMaxRequestBody 2K
XimssMaxRequestDepth 20
XimssMaxBatch 5
XimssGetLogin Off
XimssCookieSecure On
XimssMaxFolders 2
XimssMaxReply 8K
<VirtualHost *>
    ServerName inherits.test
</VirtualHost>
<VirtualHost *>
    ServerName overrides.test
    XimssDataDir \"$data_two\"
    XimssAllowOrigin *
    XimssMaxRequestBody 100K
    XimssMaxRequestDepth 5
    XimssMaxBatch 100
    XimssGetLogin On
    XimssCookieSecure Off
    XimssDefaultDomain two.test
    XimssMaxFolders 3
    XimssMaxReply 1M
</VirtualHost>
<VirtualHost *>
    ServerName off.test
    XimssEngine Off
</VirtualHost>
<VirtualHost *>
    ServerName none.test
    XimssAllowOrigin None
</VirtualHost>"
httpd_start

host() {
    host=$1
    shift
    http "$@" -H "Host: $host"
}
folders() {
    for n in 1 2 3 4; do
        printf '<folderOpen id="%s" folder="f%s" mailbox="INBOX" sortField="UID"/>' $n $n
    done
}
host off.test "$url/XIMSSLogin/"
is 'engine off in a host' "$status" 404
host inherits.test "$url/XIMSSLogin/?userName=user@example.org&password=password&errorAsXML=1"
has 'no login by URL: inherited' "$body" 'errorNum="500"'
host inherits.test "$url/XIMSSLogin/" -d 'userName=user&password=password&EnableUseCookie=1'
id=$(xml_get session/@urlID)
ok 'data and default domain: inherited' [ -n "$id" ]
has 'Secure: inherited' "$(header Set-Cookie)" '; Secure'
cookie=$(header Set-Cookie)
cookie=${cookie%%;*}
host inherits.test "$url/XIMSSLogin/" -H 'Origin: http://two.test'
is 'origins: inherited' "$(header Access-Control-Allow-Origin) $(header Vary)" 'http://two.test Origin'
host inherits.test "$url/XIMSSLogin/" -H 'Origin: http://three.test'
is 'another origin' "$(header Access-Control-Allow-Origin)" ''
host inherits.test "$url/Session/$id/sync" -b "$cookie" -d "<XIMSS>$(head -c 3000 /dev/zero | tr '\0' ' ')</XIMSS>"
is 'body: inherited' "$status" 413
host inherits.test "$url/Session/$id/sync" -b "$cookie" -d "<XIMSS>$(yes '<noop id="1"/>' | head -n 6)</XIMSS>"
is 'batch: inherited' "$status" 413
host inherits.test "$url/Session/$id/sync" -b "$cookie" -d '<XIMSS><a><a><a><a><a><a/></a></a></a></a></a></XIMSS>'
is 'depth: inherited' "$status" 200
host inherits.test "$url/Session/$id/sync" -b "$cookie" -d "<XIMSS>$(folders)</XIMSS>"
is 'folders: inherited' "$(xml_get response/@errorNum | sort | uniq -c | tr -d ' \n')" 2502
host inherits.test "$url/Session/$id/sync" -b "$cookie" -d '<XIMSS><listKnownValues id="1"/></XIMSS>'
has 'reply: inherited' "$status $body" 502

host overrides.test "$url/XIMSSLogin/?userName=only&password=password&EnableUseCookie=1"
id=$(xml_get session/@urlID)
ok 'login by URL, data, default domain: own' [ -n "$id" ]
lacks 'Secure: own' "$(header Set-Cookie)" Secure
is 'origins: own' "$(header Access-Control-Allow-Origin)" '*'
cookie=$(header Set-Cookie)
cookie=${cookie%%;*}
host overrides.test "$url/Session/$id/sync" -b "$cookie" -d "<XIMSS>$(head -c 3000 /dev/zero | tr '\0' ' ')</XIMSS>"
is 'body: own' "$status" 200
host overrides.test "$url/Session/$id/sync" -b "$cookie" -d "<XIMSS>$(yes '<noop id="1"/>' | head -n 6)</XIMSS>"
is 'batch: own' "$status" 200
host overrides.test "$url/Session/$id/sync" -b "$cookie" -d '<XIMSS><a><a><a><a><a><a/></a></a></a></a></a></XIMSS>'
is 'depth: own' "$status" 413
host overrides.test "$url/Session/$id/sync" -b "$cookie" -d "<XIMSS>$(folders)</XIMSS>"
is 'folders: own' "$(xml_get response/@errorNum | sort | uniq -c | tr -d ' \n')" 1502
host overrides.test "$url/Session/$id/sync" -b "$cookie" -d '<XIMSS><listKnownValues id="1"/></XIMSS>'
lacks 'reply: own' "$status $body" 502
host overrides.test "$url/XIMSSLogin/" -d 'userName=user@example.org&password=password'
is 'accounts of another data folder are strangers' "$status" 403
host inherits.test "$url/Session/$id/sync" -b "$cookie" -d '<XIMSS><mailboxList id="1"/></XIMSS>'
lacks 'so are its sessions' "$body" '<mailbox '
host none.test "$url/XIMSSLogin/" -H 'Origin: http://one.test'
is 'no origin at all' "$(header Access-Control-Allow-Origin)" ''
log_known='login of login: .*incorrect password|mailboxList of only@two.test: .* is gone'
httpd_done
