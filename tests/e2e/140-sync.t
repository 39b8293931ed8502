#!/bin/sh
# folderSync over HTTP: two sessions and an import change a mailbox; each client's array, changed by reports
# only, stays the server's view (protocol text, Mailbox Operations).
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

view_py=$XIMSS_SRC/tests/e2e/lib/view.py
mkdir -p "$root/tmp/mail"
n=0
while [ $n -lt 40 ]; do
    n=$((n + 1))
    printf 'Subject: s%02d\nFrom: f%s@x.test\n\nbody %s\n' $((n * 7 % 40)) $((n % 5)) $n >"$root/tmp/mail/$n"
done
make_account user@example.org password
import user@example.org INBOX "$root/tmp/mail"
httpd_start
login user@example.org password
a=$id
login user@example.org password
b=$id

# in_a XML, in_b XML: a batch in that session.
in_a() {
    id=$a
    sync "$1"
}
in_b() {
    id=$b
    sync "$1"
}
folders='unseen subject from flags'
browse() {
    in_a "<folderBrowse id=\"b\" folder=\"$1\"><index from=\"0\" till=\"999\"/></folderBrowse>"
}
# synced NAME [LIMIT]: every folder of a is synced, to the end or once; its client has what the server has.
synced() {
    for folder in $folders; do
        in_a "<folderSync id=\"s\" folder=\"$folder\" ${2:+limit=\"$2\"}/>"
        modes=$(python3 "$view_py" apply "$root/tmp/view.$folder" <"$root/tmp/body" 2>"$root/tmp/why") ||
            fail "$1: $folder: reports" "$(tail -n 1 "$root/tmp/why")"
        browse "$folder"
        if python3 "$view_py" same "$root/tmp/view.$folder" <"$root/tmp/body" 2>"$root/tmp/why"; then
            pass "$1: $folder: the same view"
        else
            fail "$1: $folder: the same view" "$(tail -n 1 "$root/tmp/why")"
        fi
    done
}
fields='<field>FLAGS</field><field>Subject</field><field>E-From</field>'
in_a "<folderOpen id=\"1\" folder=\"unseen\" mailbox=\"INBOX\" filter=\"Unseen\" filterField=\"FLAGS\" sortField=\"Subject\">$fields</folderOpen>
    <folderOpen id=\"2\" folder=\"subject\" mailbox=\"INBOX\" sortField=\"Subject\" sortOrder=\"desc\">$fields</folderOpen>
    <folderOpen id=\"3\" folder=\"from\" mailbox=\"INBOX\" sortField=\"From\">$fields</folderOpen>
    <folderOpen id=\"4\" folder=\"flags\" mailbox=\"INBOX\" sortField=\"FLAGS\">$fields</folderOpen>"
is 'folders' "$(xml_get response/@errorNum)" ''
for folder in $folders; do
    browse $folder
    python3 "$view_py" fill "$root/tmp/view.$folder" <"$root/tmp/body"
done
in_b "<folderOpen id=\"1\" folder=\"b\" mailbox=\"INBOX\" sortField=\"UID\">$fields</folderOpen>"
in_a '<folderSync id="1" folder="from"/>'
xml_is 'nothing to report' '<XIMSS><response id="1"/></XIMSS>'

in_b '<messageMark id="1" folder="b" flags="Seen"><UID from="3" till="9"/></messageMark>
    <messageRemove id="2" folder="b"><UID>5</UID><UID>20</UID></messageRemove>'
browse subject
is 'the logical view stays' "$(xml_get 'folderReport/@index' | wc -l | tr -d ' ')" 40
is 'without data of what is gone' "$(xml_get 'folderReport/Subject' | wc -l | tr -d ' ')" 38
in_a '<folderRead id="1" folder="subject" UID="5"/>'
is 'which cannot be read' "$(xml_get response/@errorNum)" 514
synced 'marked and removed'
in_b '<messageMark id="1" folder="b" flags="Unseen,Flagged"><UID from="3" till="4"/></messageMark>'
import user@example.org INBOX "$root/tmp/mail/1" "$root/tmp/mail/2" "$root/tmp/mail/3"
in_b '<messageMove id="2" folder="b" targetMailbox="INBOX"><UID>10</UID></messageMove>'
synced 'imported and moved'

in_b '<folderSync id="1" folder="b"/>'
is 'the other session is told, too' "$(xml_get 'folderReport[@mode="added"]/@UID' | tr '\n' ' ')" '41 42 43 44 '
in_b '<messageRemove id="1" folder="b" mode="Immediately"><UID from="11" till="17"/></messageRemove>
    <messageMark id="2" folder="b" flags="Seen,Answered"><UID from="25" till="32"/></messageMark>
    <messageCopy id="3" folder="b" targetMailbox="INBOX"><UID from="33" till="36"/></messageCopy>'
synced 'a limit' 3
in_b '<messageRemove id="1" folder="b" mode="Immediately"><UID>45</UID><UID>26</UID></messageRemove>'
import user@example.org INBOX "$root/tmp/mail/9"
synced 'a limit, and more changes' 4
synced 'a limit, and no changes' 5
httpd_graceful
synced 'the rest, after a restart'
for folder in $folders; do
    in_a "<folderSync id=\"1\" folder=\"$folder\"/>"
    xml_is "$folder: nothing is left" '<XIMSS><response id="1"/></XIMSS>'
    # A folder opened now, in the same session because of Recent, has the same view.
    cp "$root/tmp/view.$folder" "$root/tmp/view"
    case $folder in
    unseen) how='filter="Unseen" filterField="FLAGS" sortField="Subject"' ;;
    subject) how='sortField="Subject" sortOrder="desc"' ;;
    from) how='sortField="From"' ;;
    flags) how='sortField="FLAGS"' ;;
    esac
    in_a "<folderOpen id=\"1\" folder=\"new\" mailbox=\"INBOX\" $how/><folderBrowse id=\"2\" folder=\"new\"><index from=\"0\" till=\"999\"/></folderBrowse><folderClose id=\"3\" folder=\"new\"/>"
    ok "$folder: as a new folder" python3 "$view_py" same "$root/tmp/view" <"$root/tmp/body"
done
in_b '<messageMove id="1" folder="b" targetMailbox="Box" mailboxClass=""><UID>1</UID></messageMove>
    <folderOpen id="2" folder="box" mailbox="Box"/>'
in_b '<mailboxRemove id="1" mailbox="Box"/><folderSync id="2" folder="box"/>'
is 'the mailbox is gone' "$(xml_get response/@errorNum)" 510
httpd_done
