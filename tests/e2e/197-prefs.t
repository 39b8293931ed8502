#!/bin/sh
# Preferences over HTTP: kept over a restart, and obeyed by logins: address watch, cookie, time zone.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

make_account user@example.org password
config='XimssEngine On
XimssMaxPreference 300
XimssMaxPreferencesSize 1024
XimssMaxPreferences 5'
httpd_start

# elsewhere: the status of a request to the session from another address.
elsewhere() {
    http "$url/Session/$id/sync" --interface 127.0.0.2 --data-binary '<XIMSS><noop id="1"/></XIMSS>'
    echo "$status"
}

login user@example.org password
is 'a session is watched by default' "$(elsewhere)" 550
login user@example.org password
lacks 'and has no cookie' "$headers" Set-Cookie
sync '<prefsStore id="1"><IPWatch>NO</IPWatch><UseCookie>YES</UseCookie><TimeZone>Asia/Tokyo</TimeZone>
    <ProntoDriveAlerts><subKey key="~u@d/file">x</subKey></ProntoDriveAlerts></prefsStore><readTime id="2"/>'
is 'stored' "$(xml_get response/@errorNum)" ''
python3 - "$(xml_get currentTime/@gmtTime)" "$(xml_get currentTime/@localTime)" >"$root/tmp/out" <<'PY'
import sys, datetime
gmt, local = (datetime.datetime.strptime(text, '%Y%m%dT%H%M%S') for text in sys.argv[1:])
print(local - gmt)
PY
is 'TimeZone counts at once' "$(cat "$root/tmp/out")" '9:00:00'
is 'IPWatch from the next login on' "$(elsewhere)" 550

httpd_stop
httpd_start
login user@example.org password
cookie=$(header Set-Cookie)
matches 'UseCookie: a cookie' "$cookie" '^CGateProWebUser='
http "$url/Session/$id/sync" --data-binary '<XIMSS><noop id="1"/></XIMSS>'
http "$url/Session/$id/sync" --data-binary '<XIMSS><noop id="1"/></XIMSS>'
is 'it is asked for' "$status" 550
login user@example.org password DisableUseCookie=1
lacks 'the login may say no' "$headers" Set-Cookie
is 'IPWatch: not watched' "$(elsewhere)" 200
sync '<prefsRead id="1"><name>ProntoDriveAlerts</name><name>TimeZone</name></prefsRead>'
xml_is 'kept over a restart' '<XIMSS><prefs id="1"><ProntoDriveAlerts><subKey key="~u@d/file">x</subKey></ProntoDriveAlerts><TimeZone>Asia/Tokyo</TimeZone></prefs><response id="1"/></XIMSS>'

long=$(printf '%0301d' 1)
sync "<prefsStore id=\"1\"><A>$long</A></prefsStore>"
has 'XimssMaxPreference' "$body" 'errorNum="502" errorText="preference A has more than 300 bytes"'
long=$(printf '%0290d' 1)
sync "<prefsStore id=\"1\"><A>$long</A><IPWatch>$long</IPWatch><TimeZone>$long</TimeZone><UseCookie>$long</UseCookie></prefsStore>"
has 'XimssMaxPreferencesSize' "$body" 'errorNum="502" errorText="the preferences of an account have at most 1024 bytes"'
sync '<prefsStore id="1"><B>1</B><C>2</C></prefsStore>'
has 'XimssMaxPreferences' "$body" 'errorNum="502" errorText="an account has at most 5 preferences of its own"'
sync '<prefsStore id="1"><TimeZone>../../../etc/passwd</TimeZone></prefsStore><readTime id="2"/>'
has 'a zone that is none does no harm' "$body" '<response id="1"/><currentTime ' '<response id="2"/>'
ok 'check finds nothing wrong' ctl check

httpd_done
