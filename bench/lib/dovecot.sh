#!/bin/sh
# A private Dovecot (sdbox, loopback, free port) for the benchmarks.
#   dovecot.sh start DIR [PROCESSES]  makes the configuration in DIR for so many imap processes, starts it, prints its
#                          IMAP port, and its LMTP port when it has LMTP
#   dovecot.sh stop DIR    stops it by its own pid
# Its users are bench and bench0 to bench31 with the password "bench". Exit 3: Dovecot is not there.
set -eu

find_dovecot() {
    for path in "$(command -v dovecot || true)" /usr/sbin/dovecot; do
        if [ -x "$path" ] && [ -x /usr/lib/dovecot/imap ]; then
            echo "$path"
            return
        fi
    done
    echo "Dovecot is not installed: apt-get install --no-install-recommends dovecot-core dovecot-imapd" >&2
    exit 3
}

# Dovecot writes its pid after it has gone to the background.
wait_pid() {
    tries=0
    while [ ! -s "$1/run/master.pid" ] && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
}

# The internal users: Dovecot drops to the distribution's when it starts as root.
users() {
    if [ "$(id -u)" = 0 ]; then
        mail_user=mail
        printf 'default_internal_user = dovecot\ndefault_login_user = dovenull\n'
    else
        mail_user=$(id -un)
        printf 'default_internal_user = %s\ndefault_login_user = %s\n' "$mail_user" "$mail_user"
        printf 'default_internal_group = %s\n' "$(id -gn)"
        for service in anvil stats; do
            printf 'service %s {\n  chroot =\n}\n' "$service"
        done
    fi
    printf 'mail_uid = %s\nmail_gid = %s\n' "$(id -u "$mail_user")" "$(id -g "$mail_user")"
    printf 'first_valid_uid = 1\nfirst_valid_gid = 1\n'
}

# The name alone finds the user; processes are kept.
lmtp_service() {
    cat <<END
auth_username_format = %Ln
protocol lmtp {
  postmaster_address = postmaster@example.org
}
service lmtp {
  process_min_avail = 4
  service_count = 0
  inet_listener lmtp {
    port = $(($1 + 10000))
  }
}
END
}

configure() {
    mkdir -p "$1/run" "$1/state" "$1/mail"
    for name in '' $(seq 0 31); do
        printf 'bench%s:{PLAIN}bench::::%s/mail/bench%s::\n' "$name" "$1" "$name"
    done >"$1/users"
    lmtp=
    [ ! -x /usr/lib/dovecot/lmtp ] || lmtp=lmtp
    {
        users
        cat <<END
base_dir = $1/run
state_dir = $1/state
log_path = $1/dovecot.log
instance_name = ximss-bench
protocols = imap $lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = sdbox:~/sdbox
mail_max_userip_connections = 20000
default_client_limit = 20000
passdb {
  driver = passwd-file
  args = $1/users
}
userdb {
  driver = passwd-file
  args = $1/users
}
namespace inbox {
  inbox = yes
}
# The high-performance form of the manual: one login process for all, imap processes used again.
service imap-login {
  chroot =
  service_count = 0
  inet_listener imap {
    port = $2
  }
  inet_listener imaps {
    port = 0
  }
}
service imap {
  service_count = 256
  process_limit = ${3:-200}
}
END
        [ -z "$lmtp" ] || lmtp_service "$2"
    } >"$1/dovecot.conf"
    chmod 755 "$1"
    chmod 644 "$1/users" "$1/dovecot.conf"
    [ "$(id -u)" != 0 ] || chown mail:mail "$1/mail"
}

start() {
    dovecot=$(find_dovecot)
    case $("$dovecot" --version) in
    2.3.*) ;;
    *)
        echo "this Dovecot is not of the 2.3 series, whose configuration the benchmark writes" >&2
        exit 3
        ;;
    esac
    for _ in 1 2 3 4 5; do
        port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000))
        configure "$1" "$port" "${2:-200}"
        # Not our own output: the daemon would hold a caller's pipe open.
        if "$dovecot" -c "$1/dovecot.conf" >"$1/start.log" 2>&1; then
            wait_pid "$1"
            [ -z "$lmtp" ] || lmtp=$((port + 10000))
            echo "$port $lmtp"
            return
        fi
    done
    tail -n 5 "$1/start.log" >&2
    exit 1
}

stop() {
    pid=$(cat "$1/run/master.pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || return 0
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 300 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
}

case ${1-} in
start) start "$2" "${3:-}" ;;
stop) stop "$2" ;;
*)
    sed -n '2,6s/^# //p' "$0" >&2
    exit 2
    ;;
esac
