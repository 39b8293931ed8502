# A private httpd on a random port of 127.0.0.1, in a folder of its own.
# shellcheck shell=sh
#
# From the environment: XIMSS_BUILD (build folder) or XIMSS_MODULE and XIMSSCTL, XIMSS_HTTPD, XIMSS_APXS,
# XIMSS_MPM (event, worker, prefork), XIMSS_PRELOAD (libraries that httpd loads first, as one with sanitizers needs;
# what these report is a failure). A test sets, before httpd_start:
#   modules   more modules to load (names without mod_ and .so)
#   config    text for the main server
#   children  StartServers, 2
#   threads   ThreadsPerChild, 8
#   lmtp      nonempty: a port for LMTP, too, which $config may call ${LMTP_PORT}
#   log_known extended regular expression: error log lines that the test means to cause
# After it: $url, $port, $lmtp_port, $root, $data, $httpd_pid.

: "${XIMSS_SRC:=$(cd "$(dirname "$0")/../.." && pwd)}"
if [ -z "${XIMSS_BUILD:-}" ]; then
    for httpd_guess in "$PWD" "$XIMSS_SRC" "$XIMSS_SRC/build"; do
        [ ! -e "$httpd_guess/mod_ximss/mod_ximss.so" ] || XIMSS_BUILD=$httpd_guess
    done
fi
: "${XIMSS_MODULE:=${XIMSS_BUILD:-.}/mod_ximss/mod_ximss.so}"
: "${XIMSSCTL:=${XIMSS_BUILD:-.}/ximssctl/ximssctl}"
: "${XIMSS_APXS:=$(command -v apxs2 || command -v apxs || echo apxs)}"
: "${XIMSS_HTTPD:=$("$XIMSS_APXS" -q SBINDIR)/$("$XIMSS_APXS" -q PROGNAME)}"
: "${XIMSS_MPM:=event}"

modules=
config=
children=2
threads=8
lmtp=
lmtp_port=
log_known=
httpd_pid=
httpd_judged=0
httpd_libexec=$("$XIMSS_APXS" -q LIBEXECDIR)

[ -e "$XIMSS_MODULE" ] || { echo "Bail out! no module at $XIMSS_MODULE"; exit 1; }

root=$(mktemp -d "${TMPDIR:-/tmp}/ximss-e2e.XXXXXX") || exit 1
root=$(cd "$root" && pwd -P)
data=$root/data
chmod 755 "$root"
mkdir "$root/data" "$root/logs" "$root/site" "$root/mutex" "$root/tmp"
echo 'hello from the site' >"$root/site/index.html"
httpd_user=
if [ "$(id -u)" = 0 ]; then
    httpd_user=nobody
    chown "$httpd_user" "$data" "$root/mutex"
fi
chmod 700 "$data"
# Where sanitizers report, from whatever process.
mkdir -m 1777 "$root/reports"
chmod 1777 "$root/reports"
if [ -n "${XIMSS_PRELOAD:-}" ]; then
    export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:log_path=$root/reports/asan"
    export UBSAN_OPTIONS="print_stacktrace=1:log_path=$root/reports/ubsan"
fi

# Stops our server by its own pid, and waits until it is gone.
httpd_stop() {
    [ -n "$httpd_pid" ] || return 0
    kill -TERM "$httpd_pid" 2>/dev/null
    wait "$httpd_pid" 2>/dev/null
    httpd_pid=
}

httpd_cleanup() {
    httpd_stop
    rm -rf "$root"
}
trap httpd_cleanup EXIT
trap 'exit 1' HUP INT TERM

httpd_random() {
    od -An -N4 -tu4 /dev/urandom | tr -d ' '
}

httpd_load() {
    for httpd_module in "$@"; do
        # Debian compiles some in.
        if [ -e "$httpd_libexec/mod_$httpd_module.so" ]; then
            echo "LoadModule ${httpd_module}_module \"$httpd_libexec/mod_$httpd_module.so\""
        fi
    done
}

# Writes conf/httpd.conf for $port.
httpd_write() {
    {
        echo "ServerRoot \"$root\""
        echo "ServerName 127.0.0.1"
        echo "Listen 127.0.0.1:$port"
        [ -z "$lmtp" ] || printf 'Define LMTP_PORT %s\nListen 127.0.0.1:%s lmtp\n' "$lmtp_port" "$lmtp_port"
        echo "PidFile \"$root/logs/httpd.pid\""
        echo "ErrorLog \"$root/logs/error.log\""
        # shellcheck disable=SC2086
        httpd_load "mpm_$XIMSS_MPM" unixd log_config authz_core authz_host headers status $modules
        echo "LoadModule ximss_module \"$XIMSS_MODULE\""
        echo "Mutex file:$root/mutex default"
        [ -z "$httpd_user" ] || printf 'User %s\nGroup #%s\n' "$httpd_user" "$(id -g "$httpd_user")"
        echo "LogLevel warn ximss:info"
        echo "LogFormat \"%h \\\"%r\\\" %>s U=%U q=%q f=%f ref=%{Referer}i\" all"
        echo "CustomLog \"$root/logs/access.log\" all"
        echo "DocumentRoot \"$root/site\""
        echo "<Directory />"
        echo "    AllowOverride None"
        echo "    Require all denied"
        echo "</Directory>"
        echo "<Directory \"$root/site\">"
        echo "    Require all granted"
        echo "</Directory>"
        echo "Header always set X-Test-Token \"$httpd_token\""
        echo "StartServers $children"
        echo "ServerLimit 16"
        if [ "$XIMSS_MPM" != prefork ]; then
            echo "ThreadsPerChild $threads"
            echo "MinSpareThreads $((threads * children))"
            echo "MaxSpareThreads $((threads * 16))"
            echo "MaxRequestWorkers $((threads * 16))"
        else
            echo "MaxRequestWorkers 16"
        fi
        echo "XimssDataDir \"$data\""
        echo "XimssRuntimeDir \"$root/runtime\""
        echo "XimssDefaultDomain example.org"
        echo "XimssQueueCommand \"$XIMSSCTL\""
        echo "XimssSendmail None"
        printf '%s\n' "${config:-XimssEngine On}"
    } >"$root/httpd.conf"
}

httpd_answers() {
    curl -sI -m 2 "http://127.0.0.1:$port/" | grep -q "^X-Test-Token: $httpd_token"
}

# Whether it answers, or is gone.
httpd_settled() {
    httpd_answers || ! kill -0 "$httpd_pid" 2>/dev/null
}

# Starts it; another port when one is taken. The test ends when it does not start.
httpd_start() {
    httpd_token=$(httpd_random)
    httpd_tries=10
    while [ $httpd_tries -gt 0 ]; do
        port=$(($(httpd_random) % 30000 + 20000))
        lmtp_port=$(($(httpd_random) % 30000 + 20000))
        url=http://127.0.0.1:$port
        httpd_write
        # A group of its own: prefork signals its whole process group when it stops.
        setsid env ${XIMSS_PRELOAD:+LD_PRELOAD="$XIMSS_PRELOAD"} "$XIMSS_HTTPD" -d "$root" -f "$root/httpd.conf" -D FOREGROUND >"$root/logs/start.log" 2>&1 &
        httpd_pid=$!
        wait_for httpd_settled
        if httpd_answers; then
            return 0
        fi
        httpd_stop
        grep -q 'could not bind\|Address already in use' "$root/logs/start.log" "$root/logs/error.log" \
            2>/dev/null || break
        : >"$root/logs/error.log"
        httpd_tries=$((httpd_tries - 1))
    done
    sed 's/^/# /' "$root/logs/start.log" "$root/logs/error.log" 2>/dev/null
    echo "Bail out! httpd does not start"
    exit 1
}

# The syntax check of the configuration with $config; output and exit code of httpd -t.
httpd_test_config() {
    port=80
    httpd_token=0
    httpd_write
    env ${XIMSS_PRELOAD:+LD_PRELOAD="$XIMSS_PRELOAD"} "$XIMSS_HTTPD" -d "$root" -f "$root/httpd.conf" -t 2>&1
}

# httpd_count PATTERN: lines of the error log that match.
httpd_count() {
    grep -c -- "$1" "$root/logs/error.log"
}

httpd_resumed() {
    [ "$(grep -c 'resuming normal operations' "$root/logs/error.log")" -gt "$1" ] && httpd_answers
}

# A graceful restart, done when the new children answer.
httpd_graceful() {
    httpd_before=$(grep -c 'resuming normal operations' "$root/logs/error.log")
    kill -USR1 "$httpd_pid"
    wait_for httpd_resumed "$httpd_before"
}

# The process ids of the children.
httpd_children() {
    ps -o pid= --ppid "$httpd_pid" | tr -d ' '
}

# Judges the new lines of the error log: numbered lines of ours (XMnnnn), errors and crashes that the test
# did not announce in log_known are failures.
# httpd_judge [NAME OF THE CHECK]
# shellcheck disable=SC2120
httpd_judge() {
    httpd_lines=$(tail -n +"$((httpd_judged + 1))" "$root/logs/error.log" |
        grep -E 'XM[0-9]{4}:|exit signal|Segmentation|Abort|\[[a-z0-9_]+:(error|crit|alert|emerg)\]|AddressSanitizer|runtime error:' |
        grep -Ev -- "${log_known:-^\$}")
    httpd_judged=$(wc -l <"$root/logs/error.log")
    if [ -z "$httpd_lines" ]; then
        pass "${1:-the error log is clean}"
    else
        fail "${1:-the error log is clean}" "$httpd_lines"
    fi
    for httpd_report in "$root"/reports/*; do
        if [ -e "$httpd_report" ]; then
            fail "a report: ${httpd_report##*/}" "$(cat "$httpd_report")"
            rm -f "$httpd_report"
        fi
    done
}

# End of a test that has a server.
httpd_done() {
    httpd_stop
    httpd_judge
    done_testing
}
