#!/bin/sh
# Hostile clients for half a minute (XIMSS_HOSTILE_SECONDS), random by XIMSS_SEED: whatever they send, every answer is
# well-formed, nothing of another account is shown, nothing lands outside of the server's folders, no header is
# injected, no secret is logged, memory does not grow, and the accounts stay sound.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

seconds=${XIMSS_HOSTILE_SECONDS:-25}
seed=${XIMSS_SEED:-1}
echo "# seed $seed"
children=2
lmtp=yes
mkdir "$root/tmp/sent"
chmod 755 "$root/tmp"
chmod 1777 "$root/tmp/sent"
# Stands in for sendmail: keeps what it is given.
cat >"$root/tmp/sendmail" <<END
#!/bin/sh
mail=\$(mktemp "$root/tmp/sent/XXXXXX")
printf '%s\n' "\$@" >"\$mail.arguments"
cat >"\$mail.eml"
END
chmod 755 "$root/tmp/sendmail"
modules=watchdog
config="XimssEngine On
XimssMaxSubmissions 100000
XimssMaxLMTPConnections 8
XimssSendmail \"$root/tmp/sendmail\""
make_account user@example.org Hush-7c1
make_account other@example.org Hush-7c2
printf 'Subject: word-of-the-victim\n\nword-of-the-victim\n' >"$root/tmp/secret"
import other@example.org INBOX "$root/tmp/secret"
import other@example.org Private "$root/tmp/secret"
for number in 1 2 3; do
    printf 'From: A <a@example.com>\nTo: user@example.org\nSubject: number %s\nDisposition-Notification-To: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<b>html</b>\n--b\nContent-Type: image/png; name=x.png\n\nx\n--b--\n' \
        "$number" >"$root/tmp/mail$number"
done
import user@example.org INBOX "$root"/tmp/mail[123]
ctl account set user@example.org --quota 400M
httpd_start
login other@example.org Hush-7c2
sync '<fileWrite id="1" fileName="private/f">word-of-the-victim</fileWrite><prefsStore id="2"><Signature>word-of-the-victim</Signature></prefsStore>'
xml_is 'the victim has files and preferences' '<XIMSS><response id="1"/><response id="2"/></XIMSS>'

# attack SECONDS SEED: hostile clients.
attack() {
    if HOSTILE_PORT=$port HOSTILE_LMTP=$lmtp_port HOSTILE_OPS=$XIMSS_SRC/lib/op/ops.c HOSTILE_IDS=$root/tmp/ids \
        PYTHONDONTWRITEBYTECODE=1 python3 "$XIMSS_SRC/tests/e2e/lib/hostile.py" "$1" "$2" >"$root/tmp/said" 2>&1; then
        pass 'every answer is as it should be'
    else
        fail 'every answer is as it should be' "$(cat "$root/tmp/said")"
    fi
    tail -n 1 "$root/tmp/said" | sed 's/^/# /'
}
# Kilobytes of all children.
memory() {
    # shellcheck disable=SC2046
    awk '/^Pss:/ { sum += $2 } END { print sum }' $(httpd_children | sed 's,.*,/proc/&/smaps_rollup,')
}
attack "$((seconds / 3))" "$seed"
before=$(memory)
attack "$((seconds * 2 / 3))" "$seed again"
after=$(memory)
echo "# memory from $before to $after KB"
if [ -n "${XIMSS_PRELOAD:-}" ]; then
    skip 'memory does not grow' 'sanitizers keep what is freed'
else
    ok 'memory does not grow' test "$after" -lt $((before + 150000))
fi
[ -z "${HOSTILE_KEEP:-}" ] || cp -r "$root" "$HOSTILE_KEEP"
is 'nothing is in another place' "$(find "$root" / -maxdepth 2 -name '*7c1*' 2>/dev/null; find "$root" -name '*7c1*')" ''
cut -d - -f 2 "$root/tmp/ids" >"$root/tmp/secrets"
echo Hush-7c1 >>"$root/tmp/secrets"
is 'no secret is in the logs' "$(grep -Fho -f "$root/tmp/secrets" "$root"/logs/* | sort | uniq -c)" ''
is 'no line of the logs is forged' "$(grep -v '^\[' "$root/logs/error.log"; grep -v '^127\.0\.0\.1 "' "$root/logs/access.log")" ''
is 'nor is there a control character' "$(LC_ALL=C grep -c '[[:cntrl:]]' "$root/logs/error.log")" 0
ctl queue run --once >"$root/tmp/queue" 2>&1
for mailbox in user@example.org:INBOX user@example.org:Sent user@example.org:Drafts other@example.org:INBOX; do
    ctl export "${mailbox%%:*}" "${mailbox#*:}" --to "$root/tmp/sent/$mailbox" --format eml >/dev/null 2>&1
done
is 'no header is injected' "$(python3 - "$root/tmp/sent" <<'END'
import email, os, sys
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        if name.endswith(".eml"):
            with open(os.path.join(folder, name), "rb") as file:
                parts = [email.message_from_binary_file(file)]
            for part in parts:
                if any(key.startswith("Injected") for key in part.keys()):
                    print(os.path.join(folder, name))
                if part.is_multipart() and part.get_content_maintype() == "multipart":
                    parts.extend(part.get_payload())
END
)" ''
ctl check >"$root/tmp/check" 2>&1
is 'the accounts are sound' "$? $(head -n 5 "$root/tmp/check" | grep -v '^$')" "0 $(head -n 5 "$root/tmp/check" | grep -v '^$')"
httpd_done
