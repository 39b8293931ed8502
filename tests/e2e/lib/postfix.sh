# A private Postfix on a random port of 127.0.0.1, in a folder of its own; the machine's is not touched.
# shellcheck shell=sh disable=SC2154
#
# Source it after httpd.sh. A test sets, before postfix_start:
#   postfix_lmtp  PORT: mail for example.org goes to an LMTP server there; empty: mail for it is refused
#   postfix_sink  PORT: all other mail goes to an SMTP server there; empty: it is refused
#   postfix_more  lines for main.cf
# After it: $postfix_port (SMTP, relays for 127.0.0.1, offers DSN), $postfix_dir (configuration), $postfix_log,
# and $postfix_sendmail: a program like sendmail(1) that any user may run.

postfix_lmtp=
postfix_sink=
postfix_more=
postfix_pid=
postfix_dir=
postfix_log=
postfix_sendmail=

# Why it cannot run here; nothing when it can.
postfix_missing() {
    if [ "$(id -u)" != 0 ]; then
        echo 'Postfix starts as root only'
    elif [ ! -x /usr/sbin/postfix ] || ! /usr/sbin/postconf -d mail_version >/dev/null 2>&1; then
        echo 'Postfix is not installed'
    fi
}

postfix_next() {
    echo "${2:+$1:[127.0.0.1]:}${2:-error:no server for this}"
}

postfix_main() {
    cat <<END
compatibility_level = 3.6
config_directory = $postfix_dir
queue_directory = $postfix_dir/queue
data_directory = $postfix_dir/data
command_directory = $postfix_dir/bin
maillog_file = $postfix_log
maillog_file_prefixes = $postfix_dir
myhostname = mx.test
mydomain = test
myorigin = example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_dns_support_level = disabled
alias_maps =
alias_database =
virtual_alias_maps =
biff = no
notify_classes =
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
message_size_limit = 0
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = example.org
virtual_transport = $(postfix_next lmtp "$postfix_lmtp")
lmtp_connection_cache_on_demand = no
default_transport = $(postfix_next smtp "$postfix_sink")
$postfix_more
END
}

# Nothing is chrooted, and the pickup looks every second.
postfix_master() {
    cat <<END
127.0.0.1:$postfix_port inet n - n - - smtpd
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
END
}

# The commands for $postfix_sendmail. sendmail and postdrop let only root choose a configuration that the machine's
# does not name: so postdrop is not set-gid here, and both are told that they are root when they ask.
postfix_commands() {
    mkdir "$postfix_dir/bin"
    for postfix_command in /usr/sbin/post* /usr/sbin/sendmail; do
        ln -s "$postfix_command" "$postfix_dir/bin/"
    done
    rm "$postfix_dir/bin/postdrop"
    cp /usr/sbin/postdrop "$postfix_dir/bin/postdrop"
    chmod 755 "$postfix_dir/bin/postdrop"
    postfix_sendmail=$postfix_dir/bin/send
    echo 'unsigned int getuid(void) { return 0; } unsigned int geteuid(void) { return 0; }' |
        ${XIMSS_CC:-cc} -shared -fPIC -x c -o "$postfix_dir/bin/root.so" -
    printf '#!/bin/sh\nLD_PRELOAD="%s" exec /usr/sbin/sendmail -C "%s" "$@"\n' "$postfix_dir/bin/root.so" \
        "$postfix_dir" >"$postfix_sendmail"
    chmod 755 "$postfix_sendmail"
}

postfix_running() {
    postfix_pid=$(tr -d ' ' <"$postfix_dir/queue/pid/master.pid" 2>/dev/null)
    [ -n "$postfix_pid" ] && kill -0 "$postfix_pid" 2>/dev/null && [ -S "$postfix_dir/queue/public/pickup" ]
}

# Starts it; another port when one is taken. The test ends when it does not start.
postfix_start() {
    postfix_dir=$root/postfix
    postfix_log=$postfix_dir/log
    mkdir "$postfix_dir" "$postfix_dir/queue" "$postfix_dir/data"
    chown postfix "$postfix_dir/data"
    postfix_commands
    trap 'postfix_stop; httpd_cleanup' EXIT
    postfix_main >"$postfix_dir/main.cf"
    postfix_tries=10
    while [ $postfix_tries -gt 0 ]; do
        postfix_port=$(($(httpd_random) % 30000 + 20000))
        postfix_master >"$postfix_dir/master.cf"
        : >"$postfix_log"
        /usr/sbin/postfix -c "$postfix_dir" start >"$postfix_dir/start" 2>&1
        if wait_for postfix_running && python3 -c '
import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10).recv(4)' "$postfix_port" 2>/dev/null; then
            # What sendmail(1) of other users needs.
            chmod 1733 "$postfix_dir/queue/maildrop"
            chmod 711 "$postfix_dir/queue/public"
            return 0
        fi
        postfix_stop
        postfix_tries=$((postfix_tries - 1))
    done
    sed 's/^/# /' "$postfix_dir/start" "$postfix_log"
    echo "Bail out! Postfix does not start"
    exit 1
}

postfix_stop() {
    [ -n "$postfix_dir" ] || return 0
    /usr/sbin/postfix -c "$postfix_dir" stop >/dev/null 2>&1
    postfix_pid=
}

# postfix_set NAME=VALUE...: changes of main.cf, in force when it returns.
postfix_set() {
    /usr/sbin/postconf -c "$postfix_dir" -e "$@" && /usr/sbin/postfix -c "$postfix_dir" reload >/dev/null 2>&1
}

postfix_queue() {
    /usr/sbin/postqueue -c "$postfix_dir" -j
}

postfix_idle() {
    [ -z "$(postfix_queue)" ]
}
