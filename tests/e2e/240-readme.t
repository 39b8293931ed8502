#!/bin/sh
# quickstart run, and then the curl lines that it prints and those of README.md, word for word.
set -u
LC_ALL=C.UTF-8
export LC_ALL
source_folder=${XIMSS_SRC:?names the checkout}
dir=$(mktemp -d /var/tmp/ximss-test.XXXXXX)
chmod 755 "$dir"
trap 'kill -TERM "$server" 2>/dev/null; wait "$server"; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
count=0

result() {
    count=$((count + 1))
    name=$1
    shift
    if "$@"; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        cut -c 1-300 "$dir/out" | sed 's/^/# /'
    fi
}

# gives TEXT: the lines run last printed it.
gives() {
    grep -qF -- "$1" "$dir/out"
}

# The copy of what was sent.
has_sent() {
    "$source_folder/quickstart" ctl --root "$dir/root" export demo@example.org Sent --to "$dir/sent" --format eml &&
        grep -q 'filename="ticket.pdf"' "$dir"/sent/*.eml
}

"$source_folder/quickstart" run --root "$dir/root" >"$dir/run" 2>&1 </dev/null &
server=$!
tries=0
until grep -q 'Ctrl-C' "$dir/run" || [ "$tries" -ge 600 ] || ! kill -0 "$server" 2>/dev/null; do
    tries=$((tries + 1))
    sleep 0.1 # poll
done
cp "$dir/run" "$dir/out"
result "run prints a URL" grep -q '^  U=http://127.0.0.1:' "$dir/run"
url=$(sed -n 's/^  U=//p' "$dir/run")

sed -n '/^  U=/,/<bye/p' "$dir/run" | sed 's/^  //' >"$dir/printed.sh"
(cd "$dir" && sh printed.sh) >"$dir/out" 2>&1
result "its lines list mailboxes" gives 'mailbox="INBOX"'
result "open a folder" gives '<folderReport folder="INBOX" id="2" messages="14" mode="init"'
result "browse it" gives '<Subject>望远镜的使用说明</Subject>'
result "read a message" gives '<Subject>Welcome to your new account</Subject>'
result "fetch it as stored" gives 'Subject: Welcome to your new account'
result "log out" gives '<response id="5"/>'
result "without an error" sh -c '! grep -q errorNum "$1"' - "$dir/out"

sed -n '/^## A session with curl/,/^## Installing/s/^    //p' "$source_folder/README.md" |
    sed "s|^U=.*|U=$url|" >"$dir/readme.sh"
(cd "$dir" && sh readme.sh) >"$dir/out" 2>&1
result "README: login" gives '<session '
result "mailboxes" gives 'mailbox="Projects/Observatory"'
result "rows, newest first" gives 'index="0" UID="14"><FLAGS'
result "a message with attachments" gives 'ticket.pdf'
result "as stored" gives 'Subject: Re: Observatory visit on Friday?'
result "an attachment" sh -c 'head -c 8 "$1" | grep -q "^%PDF-1.4"' - "$dir/ticket.pdf"
result "a filter" gives 'folder="search" id="5" messages="4"'
result "its rows" gives '<folderReport folder="search" id="6" index="3"'
result "a message is sent" gives '<response id="8"/>'
result "its copy has the attachment" has_sent
result "an answer is written" gives '<In-Reply-To>&lt;obs-3.20260610@example.net&gt;</In-Reply-To>'
result "a file is stored and downloaded" cmp "$dir/ticket.pdf" "$dir/stored.pdf"
result "log out again" gives '<response id="11"/>'
result "no error at all" sh -c '! grep -q errorNum "$1"' - "$dir/out"

kill -INT "$server" 2>/dev/null
kill -TERM "$server" 2>/dev/null
wait "$server"
result "a signal ends run" test $? -eq 0
result "and the server" sh -c '! curl -s "$1" >/dev/null' - "$url"
result "its log holds no error" sh -c '! grep -qE ":(error|crit|alert|emerg|warn)\]" "$1"' - "$dir/root/logs/error.log"
echo "1..$count"
