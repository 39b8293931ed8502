#!/bin/sh
# Two users cannot reach each other's sessions, mailboxes, folders or parts by any id.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

modules=remoteip
config='XimssEngine On
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1'
printf 'Subject: secret of a\n\nhidden text\n' >"$root/tmp/a"
printf 'Subject: of b\n\ntext\n' >"$root/tmp/b"
make_account a@example.org password-a
make_account b@example.org password-b
import a@example.org Private "$root/tmp/a" "$root/tmp/a" "$root/tmp/a"
import a@example.org INBOX "$root/tmp/a" "$root/tmp/a"
import b@example.org INBOX "$root/tmp/b"
httpd_start
login a@example.org password-a
a=$id
sync '<folderOpen id="1" folder="view of a" mailbox="Private" sortField="UID"><field>Subject</field></folderOpen>'
is 'a opens a folder' "$(xml_get response/@errorNum)" ''
http "$url/Session/$id/UPLOAD/up" -F 'fileData=hidden text'
sync '<fileWrite id="1" fileName="private/f">hidden text</fileWrite><prefsStore id="2"><Own>hidden text</Own></prefsStore>'
is 'a has files and preferences' "$status $(xml_get response/@errorNum)" '200 '
login b@example.org password-b
b=$id

sync '<mailboxList id="1"/>'
is 'b lists its own' "$(xml_get mailbox/@mailbox)" INBOX
denied() {
    id=$b
    sync "$2"
    matches "$1" "$(xml_get response/@errorNum | tr '\n' ' ')" "^${3:-51[0246]} \$"
    lacks "$1: nothing shown" "$body" 'secret of a' 'hidden text' 'messages="3"'
}
denied 'the name of a mailbox' '<folderOpen id="1" folder="x" mailbox="Private"/>' 510
for name in '~a@example.org/Private' '~a/Private' '~a@example.org/INBOX' '../a/Private'; do
    denied "$name" "<folderOpen id=\"1\" folder=\"x\" mailbox=\"$name\"/>"
    denied "rename $name" "<mailboxRename id=\"1\" mailbox=\"$name\" newName=\"mine\"/>"
    denied "remove $name" "<mailboxRemove id=\"1\" mailbox=\"$name\"/>"
done
denied 'the name of a folder' '<folderBrowse id="1" folder="view of a"><index>0</index></folderBrowse>' 512
denied 'reading it' '<folderRead id="1" folder="view of a" UID="1"/>' 512
denied 'reopening it' '<folderReopen id="1" folder="view of a"/>' 512
denied 'closing it' '<folderClose id="1" folder="view of a"/>' 512
sync '<folderOpen id="1" folder="mine" mailbox="INBOX" sortField="UID"><field>Subject</field></folderOpen>'
denied 'a UID of the other' '<folderRead id="1" folder="mine" UID="2"/>' 514
denied 'UIDs of the other' '<folderBrowse id="1" folder="mine"><UID from="2" till="9"/></folderBrowse><noop/>' 501
for path in Private/1-P.txt 'view%20of%20a/1-P.txt' INBOX/2-P.txt INBOX/2-01-B '~a@example.org/INBOX/1-P.txt' \
    '..%2F..%2FPrivate/1-P.txt' "..%2F$a/MIME/Private/1-P.txt"; do
    http "$url/Session/$b/MIME/$path"
    matches "part $path" "$status" '^40[34]$'
    lacks "part $path: nothing shown" "$body" hidden
done
# --- what is composed, sent and stored ------------------------------------------------------

# mail INSIDE: a message with that MIME or copyMIME element. to_b: with a recipient.
mail() {
    printf '<EMail><MIME type="multipart" subtype="mixed">%s</MIME></EMail>' "${1:-<MIME>x</MIME>}"
}
to_b='<Envelope-To>b@example.org</Envelope-To>'
number=0
requests=
add() {
    number=$((number + 1))
    element=${1%%[ >]*}
    requests="$requests$element id=\"$number\"${1#"$element"}"
}
# all_denied NAME ERRORS: none of the requests since the last time does anything.
all_denied() {
    id=$b
    sync "$requests"
    is "$1" "$(xml_get response | wc -l) $(xml_get response/@errorNum | grep -Evc "^5$2\$") $(xml_get response/@errorNum | wc -l)" \
        "$number 0 $number"
    lacks "$1: nothing shown" "$body" 'secret of a' 'hidden text'
    number=0
    requests=
}

for name in 'view of a' Private '~a@example.org/Private' '~a/INBOX' '../a/Private' "$a"; do
    for part in '' 'partID="01"'; do
        copy=$(mail "<copyMIME folder=\"$name\" UID=\"1\" $part/>")
        add "<messageAppend targetMailbox=\"INBOX\">$copy</messageAppend>"
        add "<messageSubmit>$copy$to_b</messageSubmit>"
    done
    for request in messageRedirect messageForward; do
        add "<$request folder=\"$name\" UID=\"1\"><To>b@example.org</To></$request>"
    done
    add "<messageConfirm folder=\"$name\" UID=\"1\" type=\"manual\"/>"
    add "<folderRead folder=\"$name\" UID=\"1\" mode=\"replyAll\"/>"
done
all_denied 'copied, sent, passed on, answered' '(1[0246]|22)'
for name in '~a@example.org/INBOX' '~a/INBOX' '~a@example.org/New'; do
    add "<messageAppend targetMailbox=\"$name\" mailboxClass=\"\">$(mail)</messageAppend>"
    add "<messageSubmit targetMailbox=\"$name\">$(mail)$to_b</messageSubmit>"
    add "<messageCopy folder=\"mine\" targetMailbox=\"$name\"><UID>1</UID></messageCopy>"
    add "<messageMove folder=\"mine\" targetMailbox=\"$name\"><UID>1</UID></messageMove>"
done
all_denied 'put into a mailbox' 16
add "<messageAppend targetMailbox=\"INBOX\">$(mail '<MIME uploadID="up"/>')</messageAppend>"
add '<fileStore fileName="mine" uploadID="up"/>'
for name in private/f '~a@example.org/private/f' '~a/private/f' '../a/private/f'; do
    for request in fileRead fileRemove fileAttrRead fileAttrWrite fileList; do
        add "<$request fileName=\"$name\"/>"
    done
    add "<fileRename fileName=\"$name\" newName=\"mine\"/>"
    add "<messageAppend targetMailbox=\"INBOX\">$(mail "<MIME fileName=\"$name\"/>")</messageAppend>"
done
for request in fileWrite fileDirCreate; do
    add "<$request fileName=\"~a@example.org/private/x\"/>"
done
all_denied 'uploads and files' '(01|1[69])'
sync '<prefsRead id="1"/><fileList id="2" directory="private"/><fileDirInfo id="3"/><clearUploaded id="4"/>'
lacks 'preferences and lists are his own' "$body" hidden '"f"' 'files="1"'
sync '<folderReopen id="1" folder="mine"/>'
has 'nothing came of all this' "$body" 'messages="1"'
id=$a
sync '<fileRead id="1" fileName="private/f"/><fileStore id="2" fileName="g" uploadID="up"/><mailboxList id="3"/>'
has 'and all is there' "$body" '>hidden text</fileData>' '<response id="2"/>' 'MESSAGES="3"'

http --path-as-is "$url/Session/$b/../$a/MIME/Private/1-P.txt"
lacks 'dots lead nowhere' "$body" hidden
http "$url/Session/$b/MIME/INBOX/1-P.txt"
is 'its own' "$body" "$(cat "$root/tmp/b")"

# --- the other's session --------------------------------------------------------------------

# Only the whole secret opens it: the slot number is no secret.
secret=${a#*-}
for guess in "${a%%-*}-${b#*-}" "${b%%-*}-$secret" "${a%%-*}-aaaaaaaaaaaaaaaaaaaa" "${a%%-*}-" "${a%%-*}" \
    "$(printf '%s' "$a" | tr 'a-zA-Z' 'A-Za-z')" "$a.$b" "$a%2F"; do
    http "$url/Session/$guess/sync" -d '<XIMSS><mailboxList id="1"/></XIMSS>'
    is "guess $(printf '%s' "$guess" | cut -c 1-7)..." "$status" 550
done
http "$url/Session/$a/sync" -H 'X-Client: 192.0.2.9' -d '<XIMSS><mailboxList id="1"/></XIMSS>'
is 'stolen, from another address' "$status" 550
http "$url/XIMSSLogin/?sessionid=$a&errorAsXML=1" -H 'X-Client: 192.0.2.9'
has 'nor can a new one be made of it there' "$body" 'errorNum="515"'
http "$url/XIMSSLogin/?errorAsXML=1" -d 'userName=a@example.org&password=password-b'
has 'the password of the other' "$body" 'errorNum="515"'
http "$url/XIMSSLogin/?errorAsXML=1" -d "userName=b@example.org&sessionid=${a%%-*}-${b#*-}"
has 'a mixture of sessions' "$body" 'errorNum="515"'
id=$b
sync '<bye id="1"/>'
is 'b leaves' "$status" 200
id=$a
sync '<folderBrowse id="1" folder="view of a"><index>0</index></folderBrowse>'
is 'a was never touched' "$(xml_get folderReport/Subject)" 'secret of a'

# --- a new password, a new name ---------------------------------------------------------------

# Both end the sessions that are there: one that polls, one that another is made from, and one by URL.
make_account c@example.org password-c
ends_sessions() {
    login "$1" "$2"
    polling=$id
    login "$1" "$2" "sessionid=$polling"
    idle=$id
    curl -s -m 60 -o "$root/tmp/poll" "$url/Session/$polling/?ackSeq=0&maxWait=50" &
    poller=$!
    sleep 0.5 # most probably it waits by then; it is answered the same if not
    eval "$3"
    wait "$poller"
    is "$4: the poll says bye" "$(tr -d '\r\n' <"$root/tmp/poll")" '<XIMSS respSeq="1"><bye/></XIMSS>'
    login "$1" "" "sessionid=$idle"
    is "$4: no session from it" "$id" ''
    http "$url/Session/$idle/MIME/INBOX/1-P.txt"
    is "$4: no part by URL" "$status" 550
    login "$5" "$6"
    matches "$4: log in again" "$id" '^[0-9]'
    sync '<noop id="1"/>'
    is "$4: that session lives" "$status" 200
}
ends_sessions c@example.org password-c "printf 'password-d\n' | ctl account set c@example.org --password-stdin" \
    password c@example.org password-d
ends_sessions c@example.org password-d 'ctl account rename c@example.org d@example.org' rename d@example.org password-d

# --- an account that is deleted -------------------------------------------------------------

ctl account delete a@example.org
http "$url/Session/$a/get?maxWait=0"
is 'a session of a deleted account says bye' "$status $body" '200 <XIMSS respSeq="1"><bye/></XIMSS>'
for rest in sync 'get?maxWait=0' MIME/Private/1-P.txt; do
    http "$url/Session/$a/$rest" -d '<XIMSS><noop id="1"/></XIMSS>' -X GET
    is "of a deleted account: $rest" "$status" 550
done
make_account a@example.org password-a
http "$url/Session/$a/sync" -d '<XIMSS><mailboxList id="1"/></XIMSS>'
is 'the name made again revives none' "$status" 550
log_known='login of login: .*incorrect password'
httpd_done
