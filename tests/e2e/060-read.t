#!/bin/sh
# folderRead: messages and parts as XML (protocol text, Message Operations).
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

mail=$root/tmp/mail
mkdir "$mail"
cat >"$mail/1" <<'MAIL'
Received: from a by b; Tue, 1 Jun 2010 12:00:00 +0200
From: "Anna Lee" <anna@x.test>
To: Bob <bob@y.test>, carol@y.test
Subject: =?utf-8?B?w5xiZXJn?=
Date: Tue, 01 Jun 2010 12:00:00 +0200
Message-ID: <one@x.test>
X-Bad Header: x
X-Priority: 1
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: multipart/alternative; boundary=c

--c
Content-Type: text/plain; charset=iso-8859-1; format=flowed
Content-Transfer-Encoding: quoted-printable

gr=FC=DFe <&>=00=01 end
--c
Content-Type: text/html

<b>hi</b>
--c--
--b
Content-Type: image/gif; name="logo.gif"
Content-Disposition: attachment; filename="logo.gif"
Content-Transfer-Encoding: base64
Content-ID: <cid@x>
Content-Description: a logo

R0lGODlh
--b
Content-Type: message/rfc822

From: inner@x.test
Subject: inner
Content-Type: multipart/mixed; boundary=d

--d

inner one
--d
Content-Type: text/plain

inner two
--d--
--b--
MAIL
printf 'Subject: single\r\n\r\nline one\r\nline two\r\n' >"$mail/2"
printf '\377\376\000<garbage>\n\n\033[0m\001\n' >"$mail/3"
cat >"$mail/4" <<'MAIL'
Subject: bounce
Content-Type: multipart/report; report-type=delivery-status; boundary=r

--r

it failed
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test

Final-Recipient: rfc822; bob@y.test
Action: failed
Status: 5.1.1

--r
Content-Type: text/rfc822-headers

Subject: original

--r--
MAIL
cat >"$mail/5" <<'MAIL'
Subject: card
Content-Type: text/x-vcard

BEGIN:VCARD
FN:A
END:VCARD
MAIL
make_account user@example.org password
import user@example.org INBOX "$mail/1" "$mail/2" "$mail/3" "$mail/4" "$mail/5"
httpd_start
login user@example.org password
sync '<folderOpen id="0" folder="f" mailbox="INBOX" sortField="UID"><field>FLAGS</field></folderOpen>'

# read NUMBER ATTRIBUTES
read_message() {
    sync "<folderRead id=\"1\" folder=\"f\" UID=\"$1\" $2/>"
}
error() {
    sync "$3"
    is "$1" "$(xml_get response/@errorNum)" "$2"
}

read_message 1
matches 'folderMessage' "$body" '^<XIMSS><folderMessage folder="f" id="1" UID="1"><EMail>'
has 'EMail is its first child, the response follows' "$body" '</EMail></folderMessage><response id="1"/></XIMSS>'
has 'addresses' "$body" '<From realName="Anna Lee">anna@x.test</From>' \
    '<To realName="Bob">bob@y.test</To><To>carol@y.test</To>'
has 'subject' "$body" '<Subject>Überg</Subject>'
matches 'date' "$body" '<Date localTime="[0-9T]{15}" timeShift="7200">20100601T100000Z</Date>'
has 'Message-ID keeps its brackets' "$body" '<Message-ID>&lt;one@x.test&gt;</Message-ID>'
has 'trace' "$body" '<Received>from a by b;'
has 'priority' "$body" '<Pty>High</Pty>'
lacks 'names that are no XML names' "$body" '<X-Bad'
is 'parts' "$(xml_get './/MIME/@partID' | uniq | tr '\n' ' ')" '01 01-01 01-02 02 03 03-01 03-02 '
is 'types' "$(xml_get './/MIME/@subtype' | tr '\n' ' ')" 'mixed alternative plain html gif rfc822 mixed plain plain '
has 'text in UTF-8, cleaned' "$(xml_get ".//MIME[@partID='01-01']")" 'grüße <&>' end
has 'text has its parameters' "$body" 'Type-format="flowed"'
matches 'a picture is empty' "$body" '<MIME [^>]*Disposition-filename="logo.gif"[^>]*partID="02"[^>]*/>'
has 'its attributes' "$body" 'contentID="cid@x"' 'description="a logo"' 'disposition="attachment"' 'estimatedSize="6"'
is 'the message inside' "$(xml_get ".//MIME[@partID='03']/EMail/Subject")" inner
is 'its part id' "$(xml_get ".//MIME[@partID='03']/EMail/@partID")" 03
is 'its text' "$(xml_get ".//MIME[@partID='03-02']" | tr -d '\n')" 'inner two'
sync '<folderBrowse id="1" folder="f"><index>0</index></folderBrowse>'
lacks 'reading marks nothing' "$(xml_get folderReport/FLAGS)" Seen

read_message 1 'partID="01-01"'
matches 'a part' "$body" '^<XIMSS><folderMessage folder="f" id="1" partID="01-01" UID="1"><MIME '
read_message 1 'partID="03"'
matches 'the part of a message is its EMail' "$body" '<folderMessage [^>]*partID="03" UID="1"><EMail partID="03">'
read_message 1 'partID="03-01"'
is 'a part inside' "$(xml_get './/MIME' | tr -d '\n')" 'inner one'
read_message 1 'totalSizeLimit="5"'
has 'over totalSizeLimit: empty' "$body" 'partID="01-01"'
lacks 'without the text' "$body" 'grüße'
read_message 1 'totalSizeLimit="-1"'
has 'no limit' "$body" 'grüße'
sync '<folderRead id="1" folder="f" uid="2"/>'
is 'LF line ends, no part id, uid in any case' "$(xml_get .//MIME | tr '\n' '|')$(xml_get .//MIME/@partID)" 'line one|line two||'
read_message 3
ok 'garbage is well-formed' python3 "$xml_py" wellformed <"$root/tmp/body"
is 'and has an answer' "$(xml_get response/@errorNum)" ''
read_message 4
has 'delivery-status' "$body" '<MIMEReport' 'Final-Recipient' 'failed'
has 'the headers of the original' "$(xml_get './/EMail/Subject' | tr '\n' ' ')" 'original'
read_message 5
has 'a card as elements' "$body" '<vCard><FN><VALUE>A</VALUE></FN></vCard>'
read_message 1 'mode="replyAll"'
matches 'a reply composed in advance' "$body" '^<XIMSS><folderMessage folder="f" id="1" mode="replyAll" UID="1"><EMail><From>user@example.org</From><To '
has 'with its text' "$(xml_get .//MIME)" ' wrote:' '> '
read_message 1 'mode="forwardHTML"'
has 'a forward' "$(xml_get .//Subject)" 'Fwd: '
has 'that names what is attached' "$(xml_get './/copyMIME/@partID' | tr '\n' ' ')" '03'
error 'no such message' 514 '<folderRead id="1" folder="f" UID="99"/>'
error 'no such part' 514 '<folderRead id="1" folder="f" UID="1" partID="09"/>'
error 'no such folder' 512 '<folderRead id="1" folder="g" UID="1"/>'
error 'no UID' 501 '<folderRead id="1" folder="f"/>'
error 'a UID that is no number' 501 '<folderRead id="1" folder="f" UID="1x"/>'
httpd_done
