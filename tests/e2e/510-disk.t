#!/bin/sh
# A disk that is full, or broken: each write of each kind of change fails in turn. What is refused is said and has
# changed nothing, what is acknowledged is there, and the server goes on.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

${XIMSS_CC:-cc} -shared -fPIC -O1 -o "$root/disk.so" "$XIMSS_SRC/tests/e2e/lib/disk.c" -ldl 2>"$root/tmp/cc" ||
    skip_all "cannot compile the library that fails: $(head -n 1 "$root/tmp/cc")"
chmod 755 "$root/disk.so"
printf '\377\377\377\377\0\0\0\0' >"$root/fault"
chmod 666 "$root/fault"
export DISK_DATA="$data" DISK_FAULT="$root/fault"
XIMSS_PRELOAD="${XIMSS_PRELOAD:-} $root/disk.so"
children=1
lmtp=yes
config='XimssEngine On
XimssQueue Off'
make_account user@example.org password
make_account other@example.org password
printf 'Subject: x\n\ntext\n' >"$root/tmp/mail"
import user@example.org INBOX "$root/tmp/mail"
httpd_start
# That it fails is said.
log_known='XM[0-9]{4}:'

# disk NAME ERRNO
disk() {
    PYTHONPATH="$XIMSS_SRC/tests/e2e/lib" PYTHONDONTWRITEBYTECODE=1 \
        python3 "$XIMSS_SRC/tests/e2e/lib/disk.py" "$port" "$lmtp_port" "$root/fault" "$2" >"$root/tmp/said" 2>&1
    is "$1" "$? $(sed '$d' "$root/tmp/said")" '0 '
    tail -n 1 "$root/tmp/said" | sed 's/^/# /'
}
disk 'no space (ENOSPC)' 28
disk 'an error (EIO)' 5
# What a fault kept from being delivered here waits in the queue.
ctl queue retry user@example.org >/dev/null 2>&1
ctl queue run --once >"$root/tmp/queue" 2>&1
is 'nothing waits then' "$(ctl queue list)" ''
ctl export user@example.org Sent --to "$root/tmp/sent" --format eml >/dev/null
ctl export other@example.org INBOX --to "$root/tmp/delivered" --format eml >/dev/null
is 'each copy stands for one delivery' "$(find "$root/tmp/delivered" -name '*.eml' | wc -l)" \
    "$(find "$root/tmp/sent" -name '*.eml' | wc -l)"
ok 'the accounts are sound' ctl check
httpd_done
