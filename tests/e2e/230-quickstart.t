#!/bin/sh
# quickstart start, ctl and stop on a random port and a root with a blank in its name. What the build under
# test made is used: nothing is built or installed.
set -u
LC_ALL=C
export LC_ALL
source_folder=${XIMSS_SRC:?names the checkout}
quickstart=$source_folder/quickstart
dir=$(mktemp -d /var/tmp/ximss-test.XXXXXX)
root="$dir/a root"
second="$dir/second"
chmod 755 "$dir"
trap '"$quickstart" stop --root "$root"; "$quickstart" stop --root "$second"; rm -rf "$dir"' EXIT
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
        sed 's/^/# out: /' "$dir/out" 2>/dev/null
        sed 's/^/# err: /' "$dir/err" 2>/dev/null
    fi
}

# run EXIT ARGS...: true when quickstart exits so.
run() {
    expected=$1
    shift
    status=0
    (cd / && "$quickstart" "$@") >"$dir/out" 2>"$dir/err" </dev/null || status=$?
    [ "$status" -eq "$expected" ]
}

answers() {
    [ "$(curl -s -o "$dir/answer" -w '%{http_code}' "http://127.0.0.1:$1/XIMSSLogin/?errorAsXML=1" \
        -d userName=a@example.org -d password=wrong)" = 200 ] && grep -q '^<XIMSS>' "$dir/answer"
}

random_port() {
    echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 30000))
}

before=$(ls -l "$XIMSS_BUILD/ximssctl/ximssctl" "$XIMSS_BUILD/mod_ximss/mod_ximss.so")
# A port may be taken: then start says so, and another is drawn.
tries=0
port=$(random_port)
until run 0 start --root "$root" --port "$port" || [ "$tries" -ge 20 ] ||
    ! grep -qi 'already in use' "$dir/err"; do
    tries=$((tries + 1))
    port=$(random_port)
done
result "start" grep -q "http://127.0.0.1:$port/" "$dir/out"
result "answers" answers "$port"
result "makes the folders" test -d "$root/conf" -a -d "$root/data" -a -d "$root/logs" -a -d "$root/runtime"
result "ctl" run 0 ctl --root "$root" domain list
result "prints what ximssctl prints" test "$(cat "$dir/out")" = example.org
result "and nothing else" test ! -s "$dir/err"
result "there is no account" run 0 ctl --root "$root" account list
result "at all" test ! -s "$dir/out"
result "ctl fails as ximssctl does" run 1 ctl --root "$root" account delete none@example.org
result "with its one line" test "$(grep -c '^ximssctl: ' "$dir/err")" = 1
result "ctl hands wrong usage on" run 2 ctl --root "$root" frobnicate
result "ctl keeps blanks in words" run 0 ctl --root "$root" account create a@example.org --password secret \
    --real-name "Two  blanks"
result "start again" run 0 start --root "$root"
result "says that it runs" grep -q "started already.*:$port/" "$dir/out"

run 1 start --root "$second" --port "$port"
result "a taken port is an error" grep -qi 'already in use' "$dir/err"
result "and nothing runs" test ! -e "$second/logs/httpd.pid"
result "the first still answers" answers "$port"
result "stop of what does not run" run 0 stop --root "$second"
result "stop of what is not there" run 0 stop --root "$dir/none"
result "stop" run 0 stop --root "$root"
result "port is free" sh -c '! curl -s "http://127.0.0.1:$1/" >/dev/null' - "$port"
result "stop again" run 0 stop --root "$root"
result "start after stop" run 0 start --root "$root" --port "$port"
result "answers again" answers "$port"
# Another process with the pid of a dead server must not be stopped in its place.
run 0 stop --root "$root"
sleep 1000 &
stranger=$!
echo "$stranger" >"$root/logs/httpd.pid"
result "stop with a stranger's pid" run 0 stop --root "$root"
result "leaves the stranger alone" kill -0 "$stranger"
kill "$stranger"
rm -f "$root/logs/httpd.pid"
result "nothing was built" test "$before" = "$(ls -l "$XIMSS_BUILD/ximssctl/ximssctl" \
    "$XIMSS_BUILD/mod_ximss/mod_ximss.so")"

for words in "" "frobnicate" "start" "stop" "ctl" "start --root" "start --frob" "test x" \
    "start --root $root --port 12x" "start --root $root --port 123456"; do
    # shellcheck disable=SC2086
    case $words in
    "") result "help" run 0 ;;
    *) result "wrong usage: $words" run 2 $words ;;
    esac
done
echo "1..$count"
