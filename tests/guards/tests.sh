#!/bin/sh
# No test lies about unused: each is found by the Makefile's wildcards and can be run.
. "$(dirname "$0")/lib/guard.sh"

for file in $(find tests -name '*.t' -o -path 'tests/guards/*.sh' | sort); do
    case $file in tests/guards/lib/* | tests/*/lib/*) continue ;; esac
    [ -x "$file" ] || echo "$file is not executable"
    case $file in
    tests/*/*/*) echo "$file lies too deep to be found" ;;
    esac
done | expect_none "scripts are executable and in place"
for file in $(find tests -name 'test_*.c' -o -name 'fuzz_*.c' | sort); do
    case $file in
    tests/unit/test_*.c | tests/mime/test_*.c | tests/store/test_*.c | tests/fuzz/fuzz_*.c) ;;
    *) echo "$file is in no folder of the Makefile" ;;
    esac
done | expect_none "programs lie where the Makefile looks"
for file in $(find tests -name 'test_*.c' | sort); do
    sed -n 's/^START_TEST(\([a-z0-9_A-Z]*\))$/\1/p' "$file" | while read -r name; do
        grep -qE "tcase_add_(loop_)?test(_raise_signal|_exit)?\([a-z_]+, *$name\b" "$file" || echo "$file: $name is not added"
    done
done | expect_none "every test function is added to a suite"
for file in tests/fuzz/fuzz_*.c; do
    name=$(basename "$file" .c)
    [ -n "$(ls "tests/fuzz/corpus/${name#fuzz_}" 2>/dev/null)" ] || echo "$file has no seeds"
done | expect_none "every fuzz target has seeds"
finish
