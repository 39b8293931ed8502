#!/bin/sh
# ximssctl: every command, its errors and exit codes; one line on standard error for each failure.
set -u
LC_ALL=C
export LC_ALL
ctl=${XIMSSCTL:?names the command to test}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
data=$dir/data
count=0

# result NAME CONDITION...: one line of TAP.
result() {
    count=$((count + 1))
    name=$1
    shift
    if "$@"; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        sed 's/^/# out: /' "$dir/out"
        sed 's/^/# err: /' "$dir/err"
    fi
}

# run EXIT ARGS...: runs the command on the test's data, true when it exits so. A failure says why in one
# line and prints nothing else; success says nothing on standard error.
run() {
    expected=$1
    shift
    status=0
    "$ctl" -d "$data" "$@" >"$dir/out" 2>"$dir/err" </dev/null || status=$?
    [ "$status" -eq "$expected" ] || return 1
    case $expected in
    0) [ ! -s "$dir/err" ] ;;
    1) [ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q '^ximssctl: ' "$dir/err" ;;
    2) grep -q '^usage: ' "$dir/err" && [ ! -s "$dir/out" ] ;;
    esac
}

# prints TEXT: the last run printed exactly TEXT.
prints() {
    printf '%s' "$1" | cmp -s - "$dir/out"
}

: >"$dir/out"
: >"$dir/err"

for words in "domain list" "account list" "account create a@x.example" "account set a@x.example --quota 1" \
    "account delete a@x.example" "import a@x.example INBOX /dev/null" \
    "export a@x.example INBOX --to $dir/never --format eml" "check" "domain delete x.example"; do
    # shellcheck disable=SC2086
    result "without a data folder: $words" run 1 $words
done
result "no command made the data folder" test ! -e "$data"

for words in "" "frobnicate" "domain" "domain create" "domain create a.example b.example" "domain list x" \
    "domain delete" "account" "account create" "account create a@x.example b@x.example" "account list a b" \
    "account create a@x.example --frob" "account set a@x.example" "account delete" "account delete --all" \
    "import" "import a@x.example" "import a@x.example INBOX" "import a@x.example INBOX /x --frob" "export" \
    "export a@x.example INBOX --to $dir/never" "export a@x.example INBOX --format eml" \
    "export a@x.example INBOX --to $dir/never --format pst" "check --frob"; do
    # shellcheck disable=SC2086
    result "wrong usage: $words" run 2 $words
done

result "help" run 0 --help
result "help names the commands" grep -q 'account create' "$dir/out"
result "version" run 0 --version
result "version is one line" grep -qx 'ximssctl [0-9].*' "$dir/out"

result "domain create makes the data folder" run 0 domain create x.example
result "only its owner can enter it" test "$(stat -c %a "$data")" = 700
result "a second domain" run 0 domain create b.example
result "a domain twice" run 1 domain create x.example
for name in "" "a b" "a/b" "a@b" "$(printf 'a\nb')" "$(printf 'a\001')" "$(printf '%0300d' 7)"; do
    result "bad domain name $(printf '%.10s' "$name" | tr -c 'a-z0-9.@/\n' '?' | head -1)" run 1 domain create "$name"
done
result "domain list" run 0 domain list
result "is sorted, a name a line" prints "b.example
x.example
"

result "account create" run 0 account create demo@x.example --password secret-1
result "prints nothing" prints ""
result "account twice" run 1 account create demo@x.example
result "account twice in other letters" run 1 account create DEMO@X.Example
result "account in an unknown domain" run 1 account create demo@nowhere.example
result "account without a domain" run 1 account create demo
for name in "@x.example" "a b@x.example" "a/b@x.example" "../../a@x.example" "$(printf 'a\nb')@x.example" \
    "$(printf '%0300d' 7)@x.example"; do
    result "bad account name $(printf '%.10s' "$name" | tr -c 'a-z0-9.@/\n' '?' | head -1)" run 1 account create "$name"
done
result "all options" run 0 account create all@x.example --real-name "Ünal O'Hara \"x\" <y>" --quota 5M \
    --password secret-2
result "no password" run 0 account create nobody@x.example
result "in the other domain" run 0 account create demo@b.example
result "account list" run 0 account list
result "names all" prints "all@x.example
demo@b.example
demo@x.example
nobody@x.example
"
result "account list of a domain" run 0 account list b.example
result "names its own" prints "demo@b.example
"
result "account list of an unknown domain" run 1 account list nowhere.example

for quota in 0 1 10k 10M 10G 9223372036854775807; do
    result "quota $quota" run 0 account set demo@x.example --quota "$quota"
done
result "quota none" run 0 account set demo@x.example --quota none
for quota in "" -1 1x 1kk k 1.5M 1t 9223372036854775808 9223372036854775807k 99999999999G 0x10 " 1"; do
    result "bad quota '$quota'" run 2 account set demo@x.example --quota "$quota"
done
result "create knows no quota none" run 2 account create q@x.example --quota none
result "real name" run 0 account set demo@x.example --real-name "Dana"
result "empty real name" run 0 account set demo@x.example --real-name ""
result "real name with a line end" run 1 account set demo@x.example --real-name "$(printf 'a\nb')"
result "real name that is not UTF-8" run 1 account set demo@x.example --real-name "$(printf 'a\377b')"
result "password" run 0 account set demo@x.example --password=-secret-3
result "empty password" run 1 account set demo@x.example --password ""
result "two passwords" run 2 account set demo@x.example --password a --password-stdin
result "password from empty input" run 1 account set demo@x.example --password-stdin
result "set of an unknown account" run 1 account set none@x.example --quota 1

printf 'secret-4\nsecret-5\n' | "$ctl" -d "$data" account create stdin@x.example --password-stdin \
    >"$dir/out" 2>"$dir/err"
result "password from standard input" test $? -eq 0
result "no password is stored or shown" sh -c '! grep -raq "secret-[1-5]" "$1" "$2" "$3"' - "$data" \
    "$dir/out" "$dir/err"

result "account rename" run 0 account rename stdin@x.example Moved@b.example
result "its old name is gone" run 1 account set stdin@x.example --quota 1
result "the new one is there" run 0 account set moved@b.example --quota none
result "rename of an unknown account" run 1 account rename stdin@x.example other@x.example
result "rename to a name that is taken" run 1 account rename moved@b.example demo@x.example
result "rename to an unknown domain" run 1 account rename moved@b.example moved@nowhere.example
result "rename to no name" run 1 account rename moved@b.example moved
result "rename without a new name" run 2 account rename moved@b.example
result "rename back" run 0 account rename moved@b.example stdin@x.example

result "delete of an unknown account" run 1 account delete none@x.example
result "domain with accounts stays" run 1 domain delete b.example
result "account delete" run 0 account delete demo@b.example
result "is gone" run 1 account set demo@b.example --quota 1
result "domain delete" run 0 domain delete b.example
result "domain twice deleted" run 1 domain delete b.example
result "check of all" run 0 check
result "check of one" run 0 check demo@x.example
result "counts" prints "checked 1 accounts, 0 messages: 0 faults, 0 mended
"
result "check of an unknown account" run 1 check demo@x.example none@x.example
result "rebuild" run 0 check --rebuild

result "export of an unknown mailbox" run 1 export demo@x.example Nope --to "$dir/never" --format eml
result "export of an unknown account" run 1 export none@x.example INBOX --to "$dir/never" --format eml
result "neither made the target" test ! -e "$dir/never"
mkdir "$dir/there"
: >"$dir/there-file"
for format in mbox maildir eml; do
    result "export to what is there: $format" run 1 export demo@x.example INBOX --to "$dir/there" --format $format
    result "export to a file that is there: $format" run 1 export demo@x.example INBOX --to "$dir/there-file" \
        --format $format
done
result "what was there is untouched" test -z "$(ls "$dir/there")" -a ! -s "$dir/there-file"
result "export of an empty mailbox" run 0 export demo@x.example INBOX --to "$dir/empty" --format maildir
result "makes the folders" test -d "$dir/empty/cur" -a -d "$dir/empty/new" -a -d "$dir/empty/tmp"
result "data folder that is a file" sh -c '"$1" -d "$2" domain list 2>"$3/err"; test $? -eq 1' - "$ctl" \
    "$dir/there-file" "$dir"

if [ "$(id -u)" -eq 0 ] && id nobody >/dev/null 2>&1; then
    data=$dir/owned
    chmod 755 "$dir"
    mkdir -m 700 "$data" "$dir/private"
    chown nobody "$data"
    printf 'Subject: x\n\nfor root only\n' >"$dir/private/one.eml"
    result "root works in a folder of another" run 0 domain create x.example
    result "account there" run 0 account create demo@x.example
    result "reads the PATH as root" run 0 import demo@x.example INBOX "$dir/private"
    result "reads an mbox as root" run 0 import demo@x.example INBOX "$dir/private/one.eml"
    result "writes the PATH as root" run 0 export demo@x.example INBOX --to "$dir/private/out" --format eml
    result "which belongs to root" test "$(stat -c %U "$dir/private/out/1.eml")" = root
    result "all data belongs to its owner" test -z "$(find "$data" ! -user nobody)"
else
    count=$((count + 1))
    echo "ok $count # SKIP needs root"
fi
echo "1..$count"
