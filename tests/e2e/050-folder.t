#!/bin/sh
# Folders: open, browse, reopen, close; every viewer field, sort, filter (protocol text, Mailbox
# Operations).
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

box=$root/tmp/box
mkdir -p "$box/new" "$box/cur"
# message FILE: text on standard input, LF to be kept.
message() {
    cat >"$box/$1"
}
message 'cur/1000000000.1.a:2,' <<'MAIL'
From: "Anna Lee" <anna@x.test>
To: Bob <bob@y.test>, carol@y.test
Cc: =?utf-8?Q?J=C3=BCrgen?= <j@y.test>
Subject: =?utf-8?B?w5xiZXJn?= apple
Date: Tue, 01 Jun 2010 12:00:00 +0200
X-Priority: 1
X-Mailer: Mailer/1.0
Message-ID: <one@x.test>

the body says orange
MAIL
message 'cur/1100000000.2.a:2,S' <<'MAIL'
From: bob@y.test
To: anna@x.test
Subject: banana
Date: Mon, 02 Jun 2008 12:00:00 +0000

nothing here
MAIL
message 'cur/1200000000.3.a:2,FS' <<'MAIL'
From: carol <carol@y.test>
Subject: Apple pie
X-Priority: 5

ORANGE juice
MAIL
message 'cur/900000000.4.a:2,R' <<'MAIL'

no header at all
MAIL
message 'cur/1300000000.5.a:2,T' <<'MAIL'
From: =?bad?= broken <<>
Subject: 
Date: Fri, 31 Dec 1965 23:59:59 -0500

old
MAIL
message 'cur/1400000000.6.a:2,' <<'MAIL'
From: zoe@z.test
Subject: cherry
Date: Fri, 01 Jan 2044 00:00:00 +0000

future
MAIL
make_account user@example.org password
import user@example.org INBOX "$box"
ctl account create empty@example.org --password password >/dev/null
httpd_start
login user@example.org password

# view SORT [ATTRIBUTES]: the Message-number (by SIZE-free Subject) order of a new folder, as UIDs.
view() {
    sync "<folderOpen id=\"1\" folder=\"v\" mailbox=\"INBOX\" sortField=\"$1\" $2><field>UID</field></folderOpen>
        <folderBrowse id=\"2\" folder=\"v\"><index from=\"0\" till=\"99\"/></folderBrowse><folderClose id=\"3\" folder=\"v\"/>"
    uids=$(xml_get 'folderReport[@index]/@UID' | tr '\n' ' ')
}
error() {
    sync "$3"
    is "$1" "$(xml_get response/@errorNum | tail -n 1)" "$2"
}

# UIDs go by the order of import: find them by subject and body.
sync '<folderOpen id="1" folder="all" mailbox="INBOX" sortField="UID"><field>Subject</field></folderOpen>'
has 'init' "$body" 'folder="all"' 'mode="init"' 'messages="6"' 'UIDNext="7"'
is 'unseen' "$(xml_get 'folderReport/@unseen')" 4
matches 'UIDValidity' "$(xml_get folderReport/@UIDValidity)" '^[1-9][0-9]*$'
validity=$(xml_get folderReport/@UIDValidity)
is 'rights are absent' "$(xml_get folderReport/@rights)" ''
sync '<folderBrowse id="2" folder="all"><index from="0" till="5"/></folderBrowse>'
is 'one report an index' "$(xml_get folderReport/@index | tr '\n' ' ')" '0 1 2 3 4 5 '
is 'the folder is named' "$(xml_get folderReport/@folder | sort -u)" all
uid_of() {
    xml_get "folderReport[Subject='$1']/@UID"
}
one=$(uid_of 'Überg apple')
two=$(uid_of banana)
three=$(uid_of 'Apple pie')
six=$(uid_of cherry)
ok 'decoded subjects' [ -n "$one" ]
is 'a missing field is left out' "$(xml_get folderReport/Subject | wc -l | tr -d ' ')" 5

# --- viewer fields --------------------------------------------------------------------------

fields='FLAGS From E-From To E-To Cc Date INTERNALDATE SIZE UID Pty Subject X-Mailer SUBJECT'
set_of_fields=$(for field in $fields; do printf '<field>%s</field>' "$field"; done)
sync "<folderReopen id=\"1\" folder=\"all\" sortField=\"UID\">$set_of_fields</folderReopen><folderBrowse id=\"2\" folder=\"all\"><index>$((one - 1))</index></folderBrowse>"
row=$(printf '%s' "$body" | sed 's/.*\(<folderReport [^>]*index=.*<\/folderReport>\).*/\1/')
has 'From is the name' "$row" '<From>Anna Lee</From>'
has 'E-From is the address, with the name' "$row" '<E-From realName="Anna Lee">anna@x.test</E-From>'
has 'To: names, else addresses' "$row" '<To>Bob, carol@y.test</To>'
has 'E-To: an element an address' "$row" '<E-To realName="Bob">bob@y.test</E-To><E-To>carol@y.test</E-To>'
has 'Cc decoded' "$row" '<Cc>Jürgen</Cc>'
has 'Date in GMT' "$row" '>20100601T100000Z</Date>'
matches 'with the local time' "$row" '<Date localTime="[0-9]{8}T[0-9]{6}"'
matches 'INTERNALDATE' "$row" '<INTERNALDATE localTime="[0-9]{8}T[0-9]{6}">20010909T014640Z</INTERNALDATE>'
has 'SIZE' "$row" "<SIZE>$(wc -c <"$box/cur/1000000000.1.a:2," | tr -d ' ')</SIZE>"
has 'UID' "$row" "<UID>$one</UID>"
has 'Pty' "$row" '<Pty>High</Pty>'
has 'another header field' "$row" '<X-Mailer>Mailer/1.0</X-Mailer>'
has 'named as asked' "$row" '<SUBJECT>Überg apple</SUBJECT>'
matches 'FLAGS are first' "$row" '^<folderReport [^>]*><FLAGS>'
order=$(printf '%s' "$row" | grep -o '<[A-Za-z][A-Za-z-]*' | sed 1d | tr -d '<' | uniq | tr '\n' ' ')
is 'in the order asked' "$order" "$fields "
sync "<folderBrowse id=\"2\" folder=\"all\"><index from=\"0\" till=\"99\"/></folderBrowse>"
ok 'rows of hostile headers are well-formed' python3 "$xml_py" wellformed <"$root/tmp/body"
is 'FLAGS of each' "$(xml_get folderReport/FLAGS | wc -l | tr -d ' ')" 6
has 'dates before 1970 and after 2038' "$body" '19660101T045959Z' '20440101T000000Z'
has 'flags' "$body" Flagged Answered Deleted

# --- sorting --------------------------------------------------------------------------------

view UID
is 'UID' "$uids" '1 2 3 4 5 6 '
view UID 'sortOrder="desc"'
is 'UID, descending' "$uids" '6 5 4 3 2 1 '
view INTERNALDATE
dates=$uids
is 'INTERNALDATE: the oldest first' "$(printf '%s' "$dates" | cut -d ' ' -f 2)" "$one"
view INTERNALDATE 'sortOrder="desc"'
is 'descending is the exact reverse' "$uids" "$(printf '%s' "$dates" | tr ' ' '\n' | sed '/^$/d' | tac | tr '\n' ' ')"
for field in Date SIZE From To Subject Cc X-Mailer FLAGS E-From Pty; do
    view "$field"
    up=$uids
    is "$field: all messages" "$(printf '%s' "$up" | wc -w | tr -d ' ')" 6
    view "$field" 'sortOrder="desc"'
    is "$field: descending is the reverse" "$uids" "$(printf '%s' "$up" | tr ' ' '\n' | sed '/^$/d' | tac | tr '\n' ' ')"
done
view Subject
is 'Subject: empty first, then letters without case' "$(printf '%s' "$uids" | cut -d ' ' -f 3-)" "$three $two $six $one "
view Date
is 'Date: 1965 first' "$(printf '%s' "$uids" | cut -d ' ' -f 6)" "$six"

# --- filters --------------------------------------------------------------------------------

filter() {
    view UID "filter=\"$2\" ${3:+filterField=\"$3\"}"
    is "$1" "$(printf '%s' "$uids" | tr ' ' '\n' | sed '/^$/d' | sort -n | tr '\n' ' ')" \
        "$(printf '%s\n' $4 | sed '/^$/d' | sort -n | tr '\n' ' ')"
}
filter 'a header field, letters without case' APPLE Subject "$one $three"
filter 'an address field by name' 'anna l' From "$one"
filter 'an address by E- field' anna@x E-From "$one"
filter 'a field that few have' mailer X-Mailer "$one"
filter 'a body' orange body "$one $three"
filter 'everything' orange '' "$one $three"
filter 'everything finds headers' banana '' "$two"
filter 'flags' 'Seen,Flagged' FLAGS "$three"
filter 'a negative flag' 'Seen,Unflagged' FLAGS "$two"
filter 'nothing found' nowhere-at-all '' ''
filter 'no pattern language' 'a%' Subject ''
filter 'decoded text' 'über' Subject "$one"
error 'a flag that is none' 501 '<folderOpen id="1" folder="x" mailbox="INBOX" filter="a(b" filterField="FLAGS"/>'
view UID "UIDValidity=\"$validity\" UIDMin=\"4\""
is 'UIDMin' "$uids" '4 5 6 '
view UID 'UIDValidity="1" UIDMin="4"'
is 'UIDMin of another UIDValidity' "$uids" '1 2 3 4 5 6 '

# --- ranges ---------------------------------------------------------------------------------

browse() {
    sync "<folderBrowse id=\"2\" folder=\"all\">$2</folderBrowse>"
    is "$1" "$(xml_get folderReport/@UID | tr '\n' ' ')$(xml_get response/@errorNum)" "$3"
}
browse 'clamped' '<index from="4" till="4000000000"/>' '5 6 '
browse 'beyond' '<index from="6" till="6"/>' ''
browse 'negative' '<index from="-3" till="1"/>' '1 2 '
browse 'backwards' '<index from="3" till="1"/>' ''
browse 'several' '<index>3</index><index from="0" till="1"/>' '4 1 2 '
browse 'UIDs' '<UID>6</UID><UID from="2" till="3"/><UID>77</UID>' '2 3 6 '
browse 'both kinds' '<UID>6</UID><index>1</index>' 501
browse 'no set' '' 501
browse 'no number' '<index>x</index>' 501

# --- names and ends -------------------------------------------------------------------------

error 'open twice' 513 '<folderOpen id="1" folder="all" mailbox="INBOX"/>'
error 'no such mailbox' 510 '<folderOpen id="1" folder="x" mailbox="nowhere"/>'
error 'no folder name' 501 '<folderOpen id="1" mailbox="INBOX"/>'
error 'browse what is not open' 512 '<folderBrowse id="1" folder="x"><index>0</index></folderBrowse>'
error 'reopen what is not open' 512 '<folderReopen id="1" folder="x"/>'
error 'close what is not open' 512 '<folderClose id="1" folder="x"/>'
sync '<folderOpen id="1" folder="INBOX" sortField="UID"/>'
has 'the folder name is the mailbox' "$body" 'messages="6"'
odd='a/b &quot;&lt;%🐦'
sync "<folderOpen id=\"1\" folder=\"$odd\" mailbox=\"INBOX\" sortField=\"Date\"><field>UID</field></folderOpen><folderBrowse id=\"2\" folder=\"$odd\"><index>0</index></folderBrowse><folderClose id=\"3\" folder=\"$odd\"/>"
is 'an odd name' "$(xml_get response/@errorNum)$(xml_get folderReport/@folder | sort -u)" 'a/b "<%🐦'
sync '<folderOpen id="1" folder="new" mailbox="Made/Here" mailboxClass="IPF.Contact" sortField="UID"/><mailboxList id="2" filter="Made/%"/>'
is 'a mailbox made by folderOpen' "$(xml_get mailbox/@CLASS) $(xml_get folderReport/@messages)" 'IPF.Contact 0'
browse_empty=$(sync '<folderBrowse id="1" folder="new"><index from="0" till="0"/></folderBrowse>' && printf '%s' "$body")
is 'an empty folder' "$browse_empty" '<XIMSS><response id="1"/></XIMSS>'
import user@example.org INBOX "$box/cur/1100000000.2.a:2,S"
browse 'a view stays as it is' '<index from="0" till="99"/>' '1 2 3 4 5 6 '
sync '<folderReopen id="1" folder="all" sortField="UID" sortOrder="desc"/><folderBrowse id="2" folder="all"><index from="0" till="1"/></folderBrowse>'
is 'until it is reopened, fields kept' "$(xml_get 'folderReport[@index]/@UID' | tr '\n' ' ')$(xml_get folderReport/Subject | head -n 1)" '7 6 banana'
sync '<folderClose id="1" folder="all"/><folderBrowse id="2" folder="all"><index>0</index></folderBrowse>'
is 'closed' "$(xml_get response/@errorNum)" 512
httpd_done
