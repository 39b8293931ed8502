#!/bin/sh
# Polls that wait without a thread: many, keep-alive, Timeout, clients that go, TLS, restarts; and where none can be parked.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

park() {
    phase=$1
    shift
    python3 "$XIMSS_SRC/tests/e2e/lib/park.py" "$phase" "$port" "$httpd_pid" "$first" "$@"
}

# park_is NAME PHASE [ARGUMENT]
park_is() {
    park_name=$1
    shift
    if park_out=$(park "$@" 2>&1); then
        pass "$park_name"
    else
        fail "$park_name" "$park_out"
    fi
}

# start MORE-CONFIGURATION: a server, and a session $first to log in by.
start() {
    config="XimssEngine On
XimssMaxSessionsPerAccount 5000
KeepAliveTimeout 300
MaxKeepAliveRequests 0
<IfModule mpm_event_module>
    AsyncRequestWorkerFactor 200
    MinSpareThreads 1
</IfModule>
<Location /status>
    SetHandler server-status
</Location>
$1"
    httpd_start
    login user@example.org password
    first=$id
}

stop() {
    httpd_stop
    httpd_judge "$1: the error log is clean"
    : >"$root/logs/error.log"
    httpd_judged=0
}

if ! "$XIMSS_HTTPD" -v | awk -F'[/. ]+' '/version/ { for (i = 1; i < NF; i++) if ($i == "Apache") exit ($(i + 3) < 63) }'; then
    skip_all 'httpd before 2.4.63 parks nothing'
fi
make_account user@example.org password
log_known='exit signal Killed'

start ''
park_is '500 polls, 16 threads, and sync beside them' many
park_is 'keep-alive and pipelining' keep
park_is 'graceful restart and a killed child' restart
python3 "$XIMSS_SRC/tests/e2e/lib/park.py" held "$port" "$httpd_pid" "$first" >"$root/tmp/held" &
holder=$!
wait_for grep -q held "$root/tmp/held"
httpd_stop
ok 'a stop ends all polls' wait $holder
is 'and needs no force' "$(httpd_count 'AH0004[5-7]')" 0
stop 'many'

children=1
start 'XimssMaxParkedPolls 500
Timeout 5'
is 'the number is not more than httpd carries' "$(httpd_count XM061)" 0
park_is 'a wait longer than Timeout' late
park_is 'clients that go' gone
stop 'one child'

start 'XimssMaxParkedPolls 10
XimssMaxPolls 2'
park_is 'more than may be parked block, and few may' full
stop 'full'

log_known='XM0613'
start 'XimssMaxParkedPolls 5000'
is 'a warning when httpd does not carry them' "$(httpd_count XM0613)" 1
stop 'warning'
log_known=

children=2
if [ -e "$httpd_libexec/mod_ssl.so" ] && command -v openssl >/dev/null; then
    modules='socache_shmcb ssl'
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout "$root/key" -out "$root/cert" 2>/dev/null
    # below the ports that connections take: this one is not tried again
    tls_port=$(($(httpd_random) % 9000 + 10000))
    tls="Listen 127.0.0.1:$tls_port
<VirtualHost 127.0.0.1:$tls_port>
    SSLEngine On
    SSLCertificateFile $root/cert
    SSLCertificateKeyFile $root/key
</VirtualHost>"
    start "$tls"
    park_is 'TLS' tls "$tls_port"
    stop 'TLS'
    children=1
    start "$tls
Timeout 5"
    park_is 'a wait longer than Timeout, over TLS' late "$tls_port"
    park_is 'clients that go, over TLS' gone "$tls_port"
    stop 'TLS, one child'
    modules=
else
    skip 'TLS' 'no mod_ssl'
fi

start 'XimssAsync Off'
park_is 'blocking by directive' keep
stop 'blocking'
children=1
log_known='XM0616'
for XIMSS_MPM in worker prefork; do
    children=4
    start 'XimssAsync On'
    is "$XIMSS_MPM: a warning" "$(httpd_count XM0616)" 1
    park_is "$XIMSS_MPM: blocking" keep
    stop "$XIMSS_MPM"
done
done_testing
