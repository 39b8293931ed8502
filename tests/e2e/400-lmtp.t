#!/bin/sh
# Mail in by LMTP: who gets it, what is refused, and who hears of it.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"
. "$(dirname "$0")/lib/lmtp.sh"

# mail_of ACCOUNT MAILBOX: its messages, in order of UID.
mail_of() {
    rm -rf "$root/tmp/exported"
    ctl export "$1" "$2" --to "$root/tmp/exported" --format eml >/dev/null 2>&1
    find "$root/tmp/exported" -name '*.eml' | sort -V | while read -r file; do
        tr -d '\r' <"$file"
    done
}
count_of() {
    mail_of "$1" "$2" | grep -c '^Return-Path:'
}

lmtp=yes
config='XimssEngine On
XimssMaxLMTPConnections 8
XimssMaxMessageSize 2M'
log_known='AH00052'
for name in user other small; do
    make_account $name@example.org password
done
ctl account set small@example.org --quota 2k
printf 'Message-ID: <1@x>\nSubject: one\n\n..body\n' >"$root/tmp/one"
httpd_start

# --- who gets it -------------------------------------------------------------------------------

is 'several recipients, each with an answer' "$(deliver from@example.com "$root/tmp/one" user@example.org nobody@example.org \
    USER@example.ORG+x someone@example.net other@example.org)" '250 2.1.5 ok
550 5.1.1 there is no such user here
550 5.1.1 this server has no such domain
550 5.1.1 this server has no such domain
250 2.1.5 ok
250 2.0.0 delivered
250 2.0.0 delivered'
is 'a message with its trace' "$(mail_of user@example.org INBOX | sed 's/^ [A-Z].* +0000$/ DATE/')" 'Return-Path: <from@example.com>
Delivered-To: user@example.org
Received: from client ([127.0.0.1])
 by 127.0.0.1 with LMTP;
 DATE
Message-ID: <1@x>
Subject: one

..body'
is 'the other has his own' "$(mail_of other@example.org INBOX | sed -n 2p)" 'Delivered-To: other@example.org'

login user@example.org password
sync '<mailboxCreate id="1" mailbox="Lists/Dev"/>'
deliver '' "$root/tmp/one" user+lists/dev@example.org >/dev/null
is 'a detail names a mailbox' "$(mail_of user@example.org Lists/Dev | head -n 2)" 'Return-Path: <>
Delivered-To: user+lists/dev@example.org'
deliver '' "$root/tmp/one" user+none@example.org >/dev/null
is 'or none, then it is INBOX' "$(count_of user@example.org INBOX)" 2
is 'an account gets a message once' "$(deliver '' "$root/tmp/one" user+Lists/Dev@example.org user@example.org \
    other@example.org | tail -n 3)" '250 2.0.0 delivered
250 2.0.0 delivered, once for this account
250 2.0.0 delivered'
is 'there' "$(count_of user@example.org Lists/Dev) $(count_of user@example.org INBOX)" '2 2'

# --- limits ------------------------------------------------------------------------------------

{
    cat "$root/tmp/one"
    head -c 1900 /dev/zero | tr '\0' x
} >"$root/tmp/large"
is 'larger than the quota: for good' "$(deliver '' "$root/tmp/large" small@example.org | tail -n 1)" \
    "552 5.2.3 the message is larger than the account's quota"
head -c 1200 "$root/tmp/large" >"$root/tmp/fits"
is 'it fits' "$(deliver '' "$root/tmp/fits" small@example.org | tail -n 1)" '250 2.0.0 delivered'
is 'no room any more: for now' "$(deliver '' "$root/tmp/fits" small@example.org other@example.org | tail -n 2)" \
    '452 4.2.2 account is over quota
250 2.0.0 delivered'
is 'room is looked for early, with SIZE and without' "$(py <<'END'
client = Lmtp(port)
client.say("LHLO client")
print(client.say("MAIL FROM:<> SIZE=1000"), client.say("RCPT TO:<small@example.org>"))
client.say("RSET")
print(client.say("MAIL FROM:<> SIZE=5000"), client.say("RCPT TO:<small@example.org>"))
END
)" "250 2.1.0 ok 452 4.2.2 account is over quota
250 2.1.0 ok 552 5.2.3 the message is larger than the account's quota"
is 'a message over the limit, and one after it' "$(py <<'END'
client = Lmtp(port)
print(client.say("LHLO client"))
print(client.say("MAIL FROM:<> SIZE=2097153"))
print(client.deliver("", ["user@example.org", "other@example.org"], b"x" * 2097151))
print(client.deliver("", ["other@example.org"], b"Subject: after\n\n"))
END
)" "250 SIZE 2097152
552 5.3.4 the message is too large
['250 2.1.5 ok', '250 2.1.5 ok', '552 5.2.3 a message has at most 2097152 bytes', '552 5.2.3 a message has at most 2097152 bytes']
['250 2.1.5 ok', '250 2.0.0 delivered']"
TMPDIR=$root/tmp py <<'END'
import os
text = b"Subject: large\r\n\r\n" + os.urandom(1500000).replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"
with open(os.environ["TMPDIR"] + "/large", "wb") as file:
    file.write(text)
client = Lmtp(port)
client.start("", ["other@example.org"])
client.say("DATA")
client.send(text.replace(b"\r\n.", b"\r\n..") + b".\r\n")
client.reply()
END
mail_of other@example.org INBOX >/dev/null
newest=$(find "$root/tmp/exported" -name '*.eml' | sort -V | tail -n 1)
is 'a large message, byte for byte' "$(tail -c "$(wc -c <"$root/tmp/large")" "$newest" | cksum)" \
    "$(cksum <"$root/tmp/large")"
is 'no file is left of it' "$(find "$data" -name 'spool*')" ''

# --- the wire ----------------------------------------------------------------------------------

is 'a whole conversation in one packet' "$(py <<'END'
client = Lmtp(port)
client.send("LHLO c\r\n" + 2 * ("MAIL FROM:<a@b>\r\nRCPT TO:<user@example.org>\r\nRCPT TO:<nobody@example.org>\r\n"
                                "DATA\r\nSubject: piped\r\n\r\n.\r\n") + "QUIT\r\nNOOP\r\n")
while True:
    answer = client.reply()
    print(answer[:9] or "closed")
    if not answer:
        break
END
)" '250 SIZE 
250 2.1.0
250 2.1.5
550 5.1.1
354 end w
250 2.0.0
250 2.1.0
250 2.1.5
550 5.1.1
354 end w
250 2.0.0
221 2.0.0
closed'
is 'only CR LF . CR LF ends a message' "$(py <<'END'
client = Lmtp(port)
client.start("", ["other@example.org"])
client.say("DATA")
client.send("Subject: smuggled\r\n\r\n\n.\nMAIL FROM:<x@y>\r\n\r.\rRCPT TO:<user@example.org>\r\n\n.\r\nDATA\r\n.\r\n")
print(client.reply(), client.say("NOOP"))
END
)" '250 2.0.0 delivered 250 2.0.0 ok'
is 'HTTP is not spoken there' "$(py <<'END'
client = Lmtp(port)
client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
print(client.reply(), client.reply())
END
)" '500 5.5.1 unknown command 500 5.5.1 unknown command'
is 'a client that goes within a message' "$(py <<'END'
before = Lmtp(port)
client = Lmtp(port)
client.start("", ["user@example.org"])
client.say("DATA")
client.send("Subject: cut\r\n\r\n")
client.sock.close()
client.file.close()
print(Lmtp(port).greeting)
END
)" '220 127.0.0.1 LMTP'
lacks 'leaves nothing' "$(mail_of user@example.org INBOX)" 'Subject: cut'

# --- who hears of it ---------------------------------------------------------------------------

login user@example.org password
sync '<folderOpen id="1" folder="in" mailbox="INBOX"><field>Subject</field></folderOpen>'
is 'a poll that waits in another child is told' "$(py "$port" "$id" <<'END'
poll = socket.create_connection(("127.0.0.1", int(args[0])))
poll.sendall(b"GET /Session/%s/?maxWait=60 HTTP/1.1\r\nHost: x\r\n\r\n" % args[1].encode())
waiting = child_of(poll, parent)
kept = []
for _ in range(50):
    client = Lmtp(port)
    if child_of(client.sock, parent) != waiting:
        break
    client.say("QUIT")
    # as this one goes to the child that has least to do
    kept.append(socket.create_connection(("127.0.0.1", int(args[0]))))
print("another" if child_of(client.sock, parent) not in (0, waiting) else "the same")
print(client.deliver("", ["user@example.org"], b"Subject: news\n")[-1])
poll.settimeout(50)
print(poll.recv(10000).decode().splitlines()[-1])
END
)" 'another
250 2.0.0 delivered
<XIMSS respSeq="1"><folderReport folder="in" mode="notify"/></XIMSS>'
sync '<folderSync id="2" folder="in"/>'
is 'and a sync shows it' "$(xml_get folderReport/Subject)" 'news'

httpd_done
