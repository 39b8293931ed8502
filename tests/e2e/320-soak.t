#!/bin/sh
# Mixed load for two minutes (XIMSS_SOAK_SECONDS): many sessions of several accounts do all that clients do, over
# restarts and a kill; every answer is checked, and nothing is left or grows. XIMSS_SEED chooses other operations.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

seconds=${XIMSS_SOAK_SECONDS:-120}
children=2
# Few handles and small pools, so that they are full soon.
config='MinSpareThreads 4
MaxMemFree 256
XimssEngine On
XimssSessionTimeout 20
XimssHandleCache 6
<Location /server-status>
    SetHandler server-status
    Require all granted
</Location>'

# Messages of many sizes and subjects.
mkdir "$root/tmp/mail"
number=1
while [ "$number" -le 40 ]; do
    {
        printf 'From: Sender %s <s%s@example.org>\nTo: user@example.org\nSubject: number %s\nX-Number: %s\n\n' \
            "$((number % 7))" "$number" "$number" "$((number * 37 % 50))"
        head -c "$((number * number * 40))" /dev/zero | tr '\0' 'x' | fold -w 70
        printf '\nthe end\n'
    } >"$root/tmp/mail/$number"
    number=$((number + 1))
done
for number in 0 1 2 3; do
    make_account "user$number@example.org" password
    import "user$number@example.org" INBOX "$root/tmp/mail"
done
chown -R "${httpd_user:-$(id -u)}" "$data"
httpd_start
log_known='exit signal Killed'

SOAK_PORT=$port SOAK_PID=$httpd_pid SOAK_DATA=$data SOAK_RUNTIME=$root/runtime XIMSSCTL=$XIMSSCTL \
    SOAK_MAIL=$root/tmp/mail PYTHONDONTWRITEBYTECODE=1 \
    python3 "$XIMSS_SRC/tests/soak/soak.py" "$seconds" "${XIMSS_SEED:-1}" >"$root/tmp/soak" 2>&1 ||
    fail 'the load ends by itself' "$(tail -n 20 "$root/tmp/soak")"
while read -r line; do
    case $line in
    'ok '*) pass "${line#ok }" ;;
    'not ok '*) fail "${line#not ok }" ;;
    *) printf '%s\n' "$line" ;;
    esac
done <"$root/tmp/soak"
faults=0
for number in 0 1 2 3; do
    ctl check "user$number@example.org" >"$root/tmp/check" 2>&1 || {
        faults=$((faults + 1))
        sed 's/^/# /' "$root/tmp/check"
    }
done
is 'the accounts are sound' "$faults" 0
httpd_stop
matches 'tombstones were purged' "$(python3 "$XIMSS_SRC/tests/soak/tombstones.py" "$data")" '^# .* purged up to [1-9]'
python3 "$XIMSS_SRC/tests/soak/tombstones.py" "$data"
httpd_done
