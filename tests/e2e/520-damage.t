#!/bin/sh
# Damaged databases: bytes of accounts with mail, files, preferences and an outbox are turned at random places, then
# hostile clients, the queue and the check go over them. They may be told of errors; nothing crashes, hangs or lies.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

seed=${XIMSS_SEED:-1}
rounds=${XIMSS_DAMAGE_ROUNDS:-3}
echo "# seed $seed"
children=1
lmtp=yes
config="XimssEngine On
XimssMaxSubmissions 100000
XimssMaxLMTPConnections 8
XimssQueue Off"
make_account user@example.org Hush-7c1
make_account other@example.org Hush-7c2
for number in 1 2 3; do
    printf 'From: A <a@example.com>\nTo: user@example.org\nSubject: number %s\nDisposition-Notification-To: a@example.com\n\n%s\n' \
        "$number" "$number" >"$root/tmp/mail$number"
done
import user@example.org INBOX "$root"/tmp/mail[123]
printf 'sendmail /bin/true\n' >"$data/queue.conf"

# attack SECONDS SEED
attack() {
    HOSTILE_PORT=$port HOSTILE_LMTP=$lmtp_port HOSTILE_OPS=$XIMSS_SRC/lib/op/ops.c HOSTILE_IDS=$root/tmp/ids \
        HOSTILE_DAMAGED=1 PYTHONDONTWRITEBYTECODE=1 \
        timeout 150 python3 "$XIMSS_SRC/tests/e2e/lib/hostile.py" "$1" "$2" >"$root/tmp/said" 2>&1
}
# Turns bytes in the databases of all accounts; never in the first page of most, without which nothing can be opened.
damage() {
    python3 - "$1" "$data"/accounts/*/mail.db <<'END'
import random, sys
chance = random.Random(sys.argv[1])
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        data = bytearray(file.read())
    for _ in range(chance.choice([3, 30, 300])):
        page = chance.randrange(0 if chance.random() < 0.02 else 1, len(data) // 4096)
        data[page * 4096 + chance.randrange(chance.choice([120, 4096]))] = chance.randrange(256)
    with open(path, "r+b") as file:
        file.write(data)
END
}

httpd_start
ok 'there is something to damage' attack 4 "$seed"
httpd_stop
python3 - "$data"/accounts/*/mail.db <<'END'
import sqlite3, sys
for path in sys.argv[1:]:
    database = sqlite3.connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
END
rm -f "$data"/accounts/*/mail.db-*
cp -Rp "$data" "$root/sound"
# That it is damaged is said.
log_known='XM[0-9]{4}:'
round=1
while [ "$round" -le "$rounds" ]; do
    rm -rf "$data"
    cp -Rp "$root/sound" "$data"
    damage "$seed $round"
    httpd_start
    if attack 3 "$seed $round"; then
        pass "round $round: every answer is one"
    else
        fail "round $round: every answer is one" "$(cat "$root/tmp/said")"
    fi
    timeout 60 "$XIMSSCTL" -d "$data" queue run --once >"$root/tmp/queue" 2>&1
    ok "round $round: the queue ends" test $? -le 1
    timeout 100 "$XIMSSCTL" -d "$data" check >"$root/tmp/check" 2>&1
    ok "round $round: the check ends" test $? -le 1
    httpd_stop
    httpd_judge
    round=$((round + 1))
done
done_testing
