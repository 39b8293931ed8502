#!/bin/sh
# lib/ never sees httpd, so that the command, the tests and the fuzzers link it alone.
. "$(dirname "$0")/lib/guard.sh"

grep -nE '#include *[<"](httpd|http_[a-z_]*|util_[a-z_]*|mod_[a-z_]*|ap_[a-z_]*|scoreboard|mpm_common|unixd)\.h' \
    $(find lib ximssctl -name '*.[ch]') | expect_none "no header of httpd below lib/ and ximssctl/"
grep -nE '#include *"mod_ximss/' $(find lib ximssctl -name '*.[ch]') |
    expect_none "no header of the module below lib/ and ximssctl/"
if [ -r "$guard_build/lib/libximss.a" ]; then
    nm -u "$guard_build/lib/libximss.a" | grep -E ' U ap_' | sort -u |
        expect_none "libximss.a needs no symbol of httpd"
else
    skip "libximss.a needs no symbol of httpd" "not built"
fi
module=${XIMSS_MODULE:-$guard_build/mod_ximss/mod_ximss.so}
if [ -r "$module" ]; then
    nm -D --defined-only "$module" | awk '{ print $3 }' | sort >"$guard_tmp/exported"
    echo ximss_module >"$guard_tmp/wanted"
    expect_same "mod_ximss.so exports its module record only" "$guard_tmp/wanted" "$guard_tmp/exported"
else
    skip "mod_ximss.so exports its module record only" "not built"
fi
grep -nE '#include *"[^/"]*"' $(product_sources) | expect_none "includes name their folder"
finish
