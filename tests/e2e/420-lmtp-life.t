#!/bin/sh
# Connections of LMTP: how many, how long, and what becomes of them and of their mail when children stop or die.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"
. "$(dirname "$0")/lib/lmtp.sh"

make_account user@example.org password
# stored: the Message-IDs in INBOX, sorted.
stored() {
    rm -rf "$root/tmp/exported"
    ctl export user@example.org INBOX --to "$root/tmp/exported" --format eml >/dev/null 2>&1
    find "$root/tmp/exported" -name '*.eml' -exec sed -n 's/^Message-ID: <\(.*\)@test>.*/\1/p' {} + | sort
}
# Starts afresh with another configuration.
again() {
    httpd_stop
    httpd_judge "$1: the error log is clean"
    : >"$root/logs/error.log"
    httpd_judged=0
    log_known='AH00052'
}

# --- few at a time, and not silent -------------------------------------------------------------

lmtp=yes
children=1
config='XimssEngine On
XimssMaxLMTPConnections 1
XimssLMTPTimeout 1'
log_known='XM0641'
httpd_start
is 'a silent client is sent away' "$(py <<'END'
client = Lmtp(port)
print(client.reply(), [client.reply()])
END
)" "421 4.4.2 idle for too long ['']"
is 'also within a message' "$(py <<'END'
client = Lmtp(port)
client.start("", ["user@example.org"])
client.say("DATA")
client.send("Message-ID: <silent@test>\r\n\r\n")
print(client.reply(), [client.reply()])
END
)" "421 4.4.2 idle for too long ['']"
is 'that leaves nothing' "$(stored)" ''
again 'silence'

config='XimssEngine On
XimssMaxLMTPConnections 1
XimssLMTPTimeout 3600'
log_known='XM0641'
httpd_start
is 'one too many is told' "$(py <<'END'
one = Lmtp(port)
two = Lmtp(port)
print(one.greeting[:4], two.greeting, [two.reply()])
one.say("QUIT")
for _ in range(200):
    two = Lmtp(port)
    if two.greeting[:3] == "220":
        break
    time.sleep(0.05)
print(two.greeting[:4])
END
)" "220  421 4.3.2 too many connections ['']
220 "
ok 'and the administrator' grep -q 'XM0641: refused: 1 connections.*XimssMaxLMTPConnections' "$root/logs/error.log"
again 'the cap'

# --- graceful restarts -------------------------------------------------------------------------

config='XimssEngine On
XimssMaxLMTPConnections 4
XimssLMTPTimeout 3600'
children=2
for XIMSS_MPM in event worker prefork; do
    httpd_start
    rm -f "$root/tmp/ready"
    py "$root/tmp/ready" "$XIMSS_MPM" >"$root/tmp/out" 2>&1 <<'END' &
idle = Lmtp(port)
idle.say("LHLO client")
busy = Lmtp(port)
busy.start("", ["user@example.org"])
busy.say("DATA")
busy.send("Message-ID: <%s@test>\r\n" % args[1])
open(args[0], "w").close()
print(idle.reply(), [idle.reply()])
print(busy.finish(b"\nbody\n", 1)[0])
print(busy.reply(), [busy.reply()])
print(greeted(port).deliver("", ["user@example.org"], b"Subject: after\n")[-1])
END
    job=$!
    wait_for test -e "$root/tmp/ready"
    ok "$XIMSS_MPM: a graceful restart" httpd_graceful
    wait $job
    is "$XIMSS_MPM: who is idle is told, who is not is served" "$(cat "$root/tmp/out")" \
        "421 4.3.2 the server stops ['']
250 2.0.0 delivered
421 4.3.2 the server stops ['']
250 2.0.0 delivered"
    has "$XIMSS_MPM: the mail is there" "$(stored)" "$XIMSS_MPM"
    again "$XIMSS_MPM"
done
XIMSS_MPM=event

# --- death -------------------------------------------------------------------------------------

log_known='exit signal Killed|AH10392'
children=3
httpd_start
py "$root/tmp" >"$root/tmp/out" 2>&1 <<'END' &
acknowledged = open(args[0] + "/acknowledged", "w")
unknown = open(args[0] + "/unknown", "w")
waiting = ["kill%04d" % number for number in range(1600)]
client = None
while waiting:
    # Without waiting for 354, so that the server is about to deliver whenever it is killed.
    batch = waiting[:40]
    done = 0
    try:
        client = client or Lmtp(port)
        client.send("LHLO client\r\n" + "".join("MAIL FROM:<>\r\nRCPT TO:<user@example.org>\r\nDATA\r\n"
                                                "Message-ID: <%s@test>\r\n\r\nbody\r\n.\r\n" % name for name in batch))
        client.reply()
        while done < len(batch) and [client.reply()[:3] for _ in range(4)] == ["250", "250", "354", "250"]:
            print(batch[done], file=acknowledged, flush=True)
            done += 1
    except OSError:
        pass
    waiting = waiting[done:]
    if done < len(batch):
        for name in batch[done:]:
            print(name, file=unknown, flush=True)
        client = None
END
job=$!
progress() {
    [ "$(wc -l <"$root/tmp/acknowledged")" -ge "$1" ]
}
for after in 100 250 400 550 700 850 1000 1150 1300; do
    wait_for progress $after
    # shellcheck disable=SC2046
    kill -9 $(httpd_children | shuf -n 2) 2>/dev/null
done
wait $job
is 'the sender is through' "$(cat "$root/tmp/out")" ''
is 'all was acknowledged' "$(wc -l <"$root/tmp/acknowledged")" 1600
stored | grep kill >"$root/tmp/stored"
is 'what was acknowledged is there' "$(sort -u "$root/tmp/stored" | comm -13 - "$root/tmp/acknowledged")" ''
sort -u "$root/tmp/unknown" >"$root/tmp/no-answer"
is 'twice is only what got no answer' "$(uniq -d "$root/tmp/stored" | comm -23 - "$root/tmp/no-answer")" ''
ok 'some got no answer' [ -s "$root/tmp/unknown" ]
is 'the account is whole' "$(ctl check user@example.org | tail -n 1 | grep -c ' 0 ')" 1
again 'death'

# --- which port --------------------------------------------------------------------------------

config='XimssEngine Off
<VirtualHost 127.0.0.1:${LMTP_PORT}>
    XimssEngine On
    ServerName mail.example.org
</VirtualHost>'
httpd_start
is 'a virtual host may serve the port' "$(py <<'END'
print(Lmtp(port).greeting)
END
)" '220 mail.example.org LMTP'
again 'a virtual host'
for config in 'XimssEngine Off' 'XimssEngine On
<VirtualHost 127.0.0.1:${LMTP_PORT}>
    XimssEngine Off
</VirtualHost>' '<VirtualHost 127.0.0.1:1>
    XimssEngine On
</VirtualHost>'; do
    httpd_write
    ok 'no mail behind the port: httpd does not start' sh -c \
        '! LD_PRELOAD=$2 timeout 20 "$0" -d "$1" -f "$1/httpd.conf" -D FOREGROUND' "$XIMSS_HTTPD" "$root" "${XIMSS_PRELOAD:-}"
    ok 'and says why' grep -q "XM0640: Listen 127.0.0.1:$lmtp_port lmtp.*<VirtualHost 127.0.0.1:$lmtp_port>" \
        "$root/logs/error.log"
    : >"$root/logs/error.log"
done
done_testing
