#!/bin/sh
# Marking, copying, moving and removing messages over HTTP (protocol text, Mailbox Operations).
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

mkdir -p "$root/tmp/mail"
for n in 1 2 3 4 5 6 7 8; do
    printf 'Subject: m%s\n\nbody %s\n' $n $n >"$root/tmp/mail/$n"
done
make_account user@example.org password
make_account other@example.org password
import user@example.org INBOX "$root/tmp/mail"
httpd_start
login user@example.org password

# flags MAILBOX: "UID:FLAGS ..." of what is in it.
flags() {
    sync "<folderOpen id=\"1\" folder=\"look\" mailbox=\"$1\"><field>FLAGS</field></folderOpen>
        <folderBrowse id=\"2\" folder=\"look\"><index from=\"0\" till=\"99\"/></folderBrowse><folderClose id=\"3\" folder=\"look\"/>"
    xml_get 'folderReport[@index]/@UID' >"$root/tmp/uids"
    look=$(xml_get 'folderReport[@index]/FLAGS' | paste -d : "$root/tmp/uids" - | tr '\n' ' ')
    [ -s "$root/tmp/uids" ] || look=
}
# done_well NAME XML: all requests succeed; failed NAME NUMBER XML: the last fails so.
done_well() {
    sync "$2"
    is "$1" "$(xml_get response/@errorNum)" ''
}
failed() {
    sync "$3"
    is "$1" "$(xml_get response/@errorNum | tail -n 1)" "$2"
}

sync '<folderOpen id="1" folder="in" mailbox="INBOX" sortField="UID"><field>FLAGS</field><field>Subject</field></folderOpen>'

# --- flags ------------------------------------------------------------------------------------

done_well 'mark by UID' '<messageMark id="1" folder="in" flags="Read,Flagged"><UID>1</UID><UID from="2" till="3"/></messageMark>'
done_well 'mark by index' '<messageMark id="1" folder="in" flags="Answered,work"><index>3</index><index from="4" till="4"/></messageMark>'
flags INBOX
has 'they are set' "$look" '1:Recent,Seen,Flagged 2:Recent,Seen,Flagged 3:Recent,Seen,Flagged 4:Recent,Answered,work 5:Recent,Answered,work 6:Recent '
done_well 'several at once' '<messageMark id="1" folder="in" flags="Unread,Deleted,Unflagged"><UID>1</UID></messageMark><messageMark id="2" folder="in" flags="-work,Unanswered"><UID>4</UID></messageMark>'
flags INBOX
has 'set and cleared' "$look" '1:Recent,Deleted 2' ' 4:Recent 5'
done_well 'messages that are not there' '<messageMark id="1" folder="in" flags="Seen"><UID>4711</UID></messageMark><messageMark id="2" folder="in" flags="Seen"><index from="100" till="200"/></messageMark>'
failed 'a flag nobody may set' 501 '<messageMark id="1" folder="in" flags="Recent"><UID>1</UID></messageMark>'
failed 'both kinds of a set' 501 '<messageMark id="1" folder="in" flags="Seen"><UID>1</UID><index>0</index></messageMark>'
failed 'no set' 501 '<messageMark id="1" folder="in" flags="Seen"/>'
failed 'no folder' 512 '<messageMark id="1" folder="out" flags="Seen"><UID>1</UID></messageMark>'

# --- copies -------------------------------------------------------------------------------------

failed 'a target that is missing' 510 '<messageCopy id="1" folder="in" targetMailbox="Archive"><UID>1</UID></messageCopy>'
done_well 'is made' '<messageCopy id="1" folder="in" targetMailbox="Archive" mailboxClass=""><UID>5</UID><UID>2</UID></messageCopy>'
flags Archive
is 'with the flags' "$look" '1:Recent,Seen,Flagged 2:Recent,Answered,work '
http "$url/Session/$id/MIME/Archive/2-P.txt"
is 'and the bytes' "$body" "$(cat "$root/tmp/mail/5")"
done_well 'a move' '<messageMove id="1" folder="in" targetMailbox="~user@example.org/Archive"><index>5</index></messageMove>'
sync '<folderBrowse id="1" folder="in"><index from="5" till="6"/></folderBrowse>'
has 'leaves the index where it was' "$body" 'index="5" UID="6"/>' 'index="6" UID="7"><FLAGS>'
done_well 'into the same mailbox' '<messageMove id="1" folder="in" targetMailbox="INBOX"><UID>7</UID></messageMove>'
flags INBOX
has 'it has a new UID' "$look" '8:Recent 9:Recent '
lacks 'and not the old one' "$look" ' 7:'
failed 'encryption' 523 '<messageCopy id="1" folder="in" targetMailbox="Archive" encrypt="yes"><UID>1</UID></messageCopy>'
failed 'mailboxes of others' 516 '<messageCopy id="1" folder="in" targetMailbox="~other@example.org/INBOX"><UID>1</UID></messageCopy>'

# --- removing -------------------------------------------------------------------------------------

done_well 'remove' '<messageRemove id="1" folder="in"><UID>2</UID></messageRemove>'
flags Trash
is 'moves to the Trash' "$look" '1:Recent,Seen,Flagged '
done_well 'remove at once' '<messageRemove id="1" folder="in" mode="Immediately"><UID>3</UID></messageRemove>'
done_well 'remove by a mark' '<messageRemove id="1" folder="in" mode="mark"><UID>4</UID></messageRemove>'
flags INBOX
is 'one is marked' "$look" '1:Recent,Deleted 4:Recent,Deleted 5:Recent,Answered,work 8:Recent 9:Recent '
done_well 'expunge' '<folderExpunge id="1" folder="in"/>'
flags INBOX
is 'all marked ones go' "$look" '5:Recent,Answered,work 8:Recent 9:Recent '
done_well 'empty the Trash' '<emptyTrash id="1"/>'
flags Trash
is 'nothing is left' "$look" ''
done_well 'once more' '<emptyTrash id="1"/><mailboxRemove id="2" mailbox="Trash"/><emptyTrash id="3"/>'

# --- what fails changes nothing -------------------------------------------------------------------

ctl account set user@example.org --quota 100 >/dev/null
failed 'no room' 517 '<messageMove id="1" folder="in" targetMailbox="New" mailboxClass=""><UID from="1" till="99"/></messageMove>'
flags INBOX
is 'all are there' "$look" '5:Recent,Answered,work 8:Recent 9:Recent '
sync '<mailboxList id="1"/>'
lacks 'nothing was made' "$body" '"New"'

# --- a copy is a row, not bytes -------------------------------------------------------------------

# rows TABLE: its rows in the account's database.
rows() {
    python3 -c 'import sqlite3, sys
print(sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True).execute("SELECT count(*) FROM " + sys.argv[2]).fetchone()[0])' \
        "$(echo "$data"/accounts/*/mail.db)" "$1"
}
ctl account set user@example.org --quota none >/dev/null
ctl account delete other@example.org >/dev/null 2>&1
messages=$(rows message)
blobs=$(rows blob)
done_well 'ten copies' "$(for copy in 1 2 3 4 5 6 7 8 9 10; do
    printf '<messageCopy id="%s" folder="in" targetMailbox="Archive"><UID>5</UID></messageCopy>' $copy
done)"
is 'are ten rows' $(($(rows message) - messages)) 10
is 'of the same bytes' "$(rows blob)" "$blobs"
httpd_done
