#!/bin/sh
# Large stored files: never in memory as a whole, no lock while a client takes its time, no mixture of two writings, none of
# it lost or half there when a child is killed, and the quota.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

[ -r /proc/self/clear_refs ] || skip_all 'no /proc/self/clear_refs'

children=1
size=104857600
make_account user@example.org password
head -c $size /dev/urandom >"$root/tmp/large"
httpd_start
log_known='exit signal Killed'
login user@example.org password

# upload ID FILE
upload() {
    http "$url/Session/$id/UPLOAD/$1" -X POST -T "$2" -H 'Expect:'
    [ "$status" = 200 ] || fail "upload $1" "$status $body"
}

# Forgets the most memory that each child had at a time; says the largest, in KB.
peak_reset() {
    for child in $(httpd_children); do
        echo 5 >"/proc/$child/clear_refs"
    done
}
peak() {
    for child in $(httpd_children); do
        sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$child/status"
    done | sort -n | tail -n 1
}

# flat NAME: the most memory since peak_reset is not far above $before.
flat() {
    peak_now=$(peak)
    if [ "$peak_now" -lt $((before + 24576)) ]; then
        pass "$1"
    else
        fail "$1" "from $before KB to $peak_now KB"
    fi
}

upload u1 "$root/tmp/large"
sync '<fileWrite id="1" fileName="warm">up</fileWrite>'
peak_reset
before=$(peak)
sync '<fileStore id="1" fileName="large" uploadID="u1"/>'
is 'stored' "$body" '<XIMSS><response id="1"/></XIMSS>'
flat 'storing 100 MB takes no memory'
peak_reset
http "$url/Session/$id/DOWNLOAD/large"
ok 'downloaded' cmp "$root/tmp/body" "$root/tmp/large"
flat 'downloading 100 MB takes no memory'
http "$url/Session/$id/DOWNLOAD/large" -H 'Range: bytes=5-99999999,104857590-'
is 'two large ranges' "$status" 206
flat 'nor do ranges'
rm -f "$root/tmp/body"

# slow NAME: a client that has read a part of the file and stops.
slow() {
    rm -f "$root/tmp/$1".*
    python3 "$XIMSS_SRC/tests/e2e/lib/slow.py" "$port" "/Session/$id/DOWNLOAD/large" "$root/tmp/$1" 1000000 &
    wait_for test -e "$root/tmp/$1.half"
}

# slow_end NAME: it reads on; sets $got to the bytes that came and were announced.
slow_end() {
    touch "$root/tmp/$1.go"
    wait_for test -e "$root/tmp/$1.done"
    got=$(cat "$root/tmp/$1.done")
}

slow one
sync '<fileWrite id="1" fileName="other">x</fileWrite><mailboxCreate id="2" mailbox="m"/>'
is 'a slow client is in nobody'"'"'s way' "$body" '<XIMSS><response id="1"/><response id="2"/></XIMSS>'
slow_end one
is 'it gets all in the end' "$got" "$size $size"
ok 'and the right bytes' cmp "$root/tmp/one.body" "$root/tmp/large"
slow two
sync '<fileWrite id="1" fileName="large">new</fileWrite>'
is 'a file is written anew meanwhile' "$body" '<XIMSS><response id="1"/></XIMSS>'
slow_end two
is 'the old answer was announced' "${got#* }" "$size"
ok 'it ends early' [ "${got% *}" -lt "$size" ]
ok 'with bytes of the old writing only' cmp -n "${got% *}" "$root/tmp/two.body" "$root/tmp/large"
rm -f "$root"/tmp/one.* "$root"/tmp/two.*

# A child is killed while it stores the file, at one moment or another; the client repeats its batch.
ctl check >"$root/tmp/out" 2>&1
is 'check' "$?" 0
head -c 40000000 "$root/tmp/large" >"$root/tmp/part"
upload u2 "$root/tmp/part"
try=1
while [ $try -le 4 ]; do
    curl -s -m 60 -o "$root/tmp/reply" "$url/Session/$id/sync?reqSeq=$try" \
        --data-binary "<XIMSS><fileStore id=\"1\" fileName=\"k$try\" uploadID=\"u2\"/></XIMSS>" &
    client=$!
    sleep "0.$((try * 13 % 10))$try"
    for child in $(httpd_children); do
        kill -9 "$child"
    done
    wait $client
    wait_for httpd_answers
    http "$url/Session/$id/sync?reqSeq=$try" \
        --data-binary "<XIMSS><fileStore id=\"1\" fileName=\"k$try\" uploadID=\"u2\"/></XIMSS>"
    is "killed, try $try: the repeat" "$body" '<XIMSS><response id="1"/></XIMSS>'
    http "$url/Session/$id/DOWNLOAD/k$try"
    ok "killed, try $try: the file" cmp "$root/tmp/body" "$root/tmp/part"
    sync "<fileRemove id=\"1\" fileName=\"k$try\"/>"
    try=$((try + 1))
done
ok 'check finds nothing wrong' ctl check

ctl account set user@example.org --quota 50M
sync '<fileStore id="1" fileName="over" uploadID="u1"/>'
has 'over quota' "$body" 'errorNum="517"'
sync '<fileList id="1" fileName="over"/><fileRead id="2" fileName="large"/><fileDirInfo id="3"/>'
has 'nothing is changed' "$body" '<response errorNum="519"' '>new</fileData>' 'size="6"'
sync '<fileStore id="1" fileName="fits" uploadID="u2"/><fileStore id="2" fileName="again" uploadID="u2"/>'
has 'one fits, two do not' "$body" '<response id="1"/><response errorNum="517"'
ok 'check agrees' ctl check

httpd_done
