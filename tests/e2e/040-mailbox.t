#!/bin/sh
# Mailbox management, status, known values: every attribute, every error
# (protocol text, Mailbox Management).
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

printf 'Subject: one\nDate: Thu, 1 Jan 2015 00:00:00 +0000\n\nbody\n' >"$root/tmp/mail"
make_account user@example.org password
import user@example.org INBOX "$root/tmp/mail" "$root/tmp/mail"
httpd_start
login user@example.org password

# The names of the mailboxes of the last answer, on one line.
names() {
    xml_get mailbox/@mailbox | tr '\n' '|'
}
# error NAME NUMBER XML
error() {
    sync "$3"
    is "$1" "$(xml_get response/@errorNum)" "$2"
}
done_with() {
    sync "$2"
    is "$1" "$body" '<XIMSS><response id="1"/></XIMSS>'
}

sync '<mailboxList id="1"/>'
is 'a new account has INBOX only' "$(names)" 'INBOX|'
is 'its messages' "$(xml_get mailbox/@MESSAGES)" 2
is 'its unseen' "$(xml_get mailbox/@UNSEEN)" 2
is 'its next UID' "$(xml_get mailbox/@UIDNEXT)" 3
is 'its size' "$(xml_get mailbox/@INTERNALSIZE)" $((2 * $(wc -c <"$root/tmp/mail")))
matches 'its UIDVALIDITY' "$(xml_get mailbox/@UIDVALIDITY)" '^[1-9][0-9]*$'
matches 'its oldest message' "$(xml_get mailbox/@OLDEST)" '^20150101T?000000Z?$'
is 'its media' "$(xml_get mailbox/@MEDIA) $(xml_get mailbox/@UNSEENMEDIA)" '0 0'
is 'the owner needs no rights' "$(xml_get mailbox/@rights)" ''

done_with 'create' '<mailboxCreate id="1" mailbox="Notes" mailboxClass="IPF.StickyNote"/>'
done_with 'create with parents' '<mailboxCreate id="1" mailbox="A/B/C"/>'
done_with 'create a pure folder' '<mailboxCreate id="1" mailbox="Pure/"/>'
sync '<mailboxList id="1" filter="*"/>'
is 'INBOX first, then sorted' "$(names)" 'INBOX|A|A/B|A/B/C|Notes|Pure|'
is 'class' "$(xml_get "mailbox[@mailbox='Notes']/@CLASS")" IPF.StickyNote
is 'pure folders' "$(xml_get "mailbox[@pureFolder='yes']/@mailbox" | tr '\n' ' ')" 'A A/B Pure '
matches 'attributes in order, the id repeated' "$body" '<mailbox CLASS="IPF.StickyNote" [^>]*id="1"[^>]* mailbox="Notes"'
sync '<mailboxList id="1" filter="%"/>'
is 'filter %' "$(names)" 'INBOX|A|Notes|Pure|'
sync '<mailboxList id="1" filter="%/%"/>'
is 'filter %/%' "$(names)" 'A/B|'
sync '<mailboxList id="1" filter="A/*"/>'
is 'filter A/*' "$(names)" 'A/B|A/B/C|'
sync '<mailboxList id="1" filter="inbox"/>'
is 'INBOX in any letter case' "$(names)" 'INBOX|'
sync '<mailboxList id="1" filter="*" pureFolder="no"/>'
is 'without pure folders' "$(names)" 'INBOX|A/B/C|Notes|'
sync '<mailboxList id="1" filter="*" mailboxClass="IPF.StickyNote" pureFolder="no"/>'
is 'of a class' "$(names)" 'Notes|'
sync '<mailboxList id="1" filter="*" mailboxClass="" pureFolder="no"/>'
is 'of mail' "$(names)" 'INBOX|A/B/C|'

error 'create twice' 511 '<mailboxCreate id="1" mailbox="Notes"/>'
error 'create INBOX in another case' 511 '<mailboxCreate id="1" mailbox="inbox"/>'
error 'create without a name' 501 '<mailboxCreate id="1"/>'
error 'an empty name' 501 '<mailboxCreate id="1" mailbox=""/>'
error 'an empty level' 501 '<mailboxCreate id="1" mailbox="a//b"/>'
error 'a control character' 501 '<mailboxCreate id="1" mailbox="a&#9;b"/>'
done_with 'a pure folder becomes a mailbox' '<mailboxCreate id="1" mailbox="Pure"/>'
sync '<mailboxList id="1" filter="Pure"/>'
is 'and is one' "$(xml_get mailbox/@pureFolder)" ''

done_with 'rename' '<mailboxRename id="1" mailbox="Notes" newName="New/Notes"/>'
sync '<mailboxList id="1" filter="N*"/>'
is 'its parent was made' "$(names)" 'New|New/Notes|'
error 'rename what is not there' 510 '<mailboxRename id="1" mailbox="Notes" newName="X"/>'
error 'rename to what is there' 511 '<mailboxRename id="1" mailbox="A/B/C" newName="New/Notes"/>'
error 'rename into itself' 501 '<mailboxRename id="1" mailbox="A" newName="A/B/D" children="yes"/>'
error 'rename without the new name' 501 '<mailboxRename id="1" mailbox="A"/>'
done_with 'rename with children' '<mailboxRename id="1" mailbox="A/B" newName="Z" children="yes"/>'
sync '<mailboxList id="1" filter="Z*"/>'
is 'they came along' "$(names)" 'Z|Z/C|'
done_with 'rename INBOX' '<mailboxRename id="1" mailbox="INBOX" newName="Old"/>'
sync '<mailboxList id="1" filter="*"/>'
is 'the mail went along' "$(xml_get "mailbox[@mailbox='Old']/@MESSAGES")" 2
is 'and there is an empty INBOX' "$(xml_get "mailbox[@mailbox='INBOX']/@MESSAGES")" 0

error 'remove INBOX' 516 '<mailboxRemove id="1" mailbox="INBOX"/>'
error 'remove what is not there' 510 '<mailboxRemove id="1" mailbox="nowhere"/>'
done_with 'remove the parent only' '<mailboxCreate id="1" mailbox="P/Q"/>'
sync '<mailboxCreate id="0" mailbox="P"/><mailboxRemove id="1" mailbox="P"/><mailboxList id="2" filter="P*"/>'
has 'its child stays below a pure folder' "$(names)" 'P/Q|'
done_with 'remove with children' '<mailboxRemove id="1" mailbox="P" children="yes"/>'
sync '<mailboxList id="2" filter="P/*"/>'
is 'they went along' "$(names)" ''
sync '<mailboxList id="1" filter="Old"/>'
validity=$(xml_get mailbox/@UIDVALIDITY)
sync '<mailboxRemove id="1" mailbox="Old"/><mailboxCreate id="2" mailbox="Old"/><mailboxList id="3" filter="Old"/>'
ok 'made again: another UIDVALIDITY' [ "$(xml_get mailbox/@UIDVALIDITY)" != "$validity" ]

# --- names ----------------------------------------------------------------------------------

long=$(head -c 500 /dev/zero | tr '\0' x)
for name in 'with &quot;quotes&apos;' '100%' 'emoji 😀' 'ünïcode' '*' 'a%b/c&lt;d&gt;' '..' '~x' "$long" 'back\slash'; do
    sync "<mailboxCreate id=\"1\" mailbox=\"$name\"/><mailboxList id=\"2\"/><mailboxRemove id=\"3\" mailbox=\"$name\"/>"
    case $name in
    '~x') continue ;; # a foreign name: an answer is enough
    esac
    is "name $(printf '%s' "$name" | cut -c 1-20)" "$(xml_get response/@errorNum)" ''
    has "and it is listed" "$body" "mailbox=\"$(printf '%s' "$name" | sed "s/&apos;/'/")\""
done

# --- a batch is one ---------------------------------------------------------------------------

sync '<mailboxCreate id="1" mailbox="One"/><mailboxCreate id="2" mailbox="INBOX"/><mailboxCreate id="3" mailbox="Three"/>'
is 'an error in a batch is its request'"'"'s own' "$(xml_get 'response[@errorNum]/@id')" 2
sync '<mailboxList id="1" filter="%"/>'
has 'the others are done' "$(names)" '|One|' '|Three|'

# --- service ----------------------------------------------------------------------------------

sync '<readStatus id="1"/>'
is 'readStatus' "$(xml_get response/@errorNum)" ''
matches 'storage used' "$body" '<messageStore [^>]*used="[0-9]+"'
login user@example.org wrong-password
login user@example.org password
sync '<readStatus id="1"/>'
has 'logins before' "$body" PrevLogin LastFailedLogin localTime=
sync '<listKnownValues id="1"/>'
has 'known zones and charsets' "$body" 'Europe/Berlin' 'iso-8859-1' '<response id="1"/>'
httpd_done
