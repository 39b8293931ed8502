#!/bin/sh
# Each directive of the code is documented in ximss-reference.conf with context and default, and the
# other way round; each member of the configuration is merged.
. "$(dirname "$0")/lib/guard.sh"

{
    sed -n 's/^XIMSS_SETTING("\([A-Za-z0-9]*\)".*/\1/p' mod_ximss/directives.def
    grep -ohE 'AP_INIT_[A-Z0-9_]*\( *"[A-Za-z0-9]*"' mod_ximss/*.c | sed 's/.*"\(.*\)"/\1/'
} | sort >"$guard_tmp/code"
sort -u "$guard_tmp/code" >"$guard_tmp/unique"
expect_same "no directive is defined twice" "$guard_tmp/unique" "$guard_tmp/code"
sed -n 's/^# \(Ximss[A-Za-z0-9]*\) .*/\1/p' conf.d/ximss-reference.conf | sort >"$guard_tmp/documented"
expect_same "every directive is documented, once" "$guard_tmp/unique" "$guard_tmp/documented"
awk '/^# Ximss[A-Za-z0-9]* / { name = $2; getline; if ($0 !~ /^# Context: (server|server, virtual host)\. Default: ./)
        print name ": no line with context and default" }' conf.d/ximss-reference.conf |
    expect_none "documentation names context and default"
sed -n 's/^#*\(Ximss[A-Za-z0-9]*\) .*/\1/p' conf.d/*.conf | sort -u | comm -23 - "$guard_tmp/unique" |
    expect_none "samples use directives that exist"

# A member is merged by its XIMSS_SETTING, or by a line of the merge function that names it.
awk '/^typedef struct ximss_config_t/ { inside = 1; next } inside && /^}/ { exit } inside' mod_ximss/config.h |
    sed 's|/\*.*||' | grep ';' | sed 's/;.*//; s/.*[ *]//' | sort >"$guard_tmp/members"
sed -n 's/^XIMSS_SETTING("[A-Za-z0-9]*", *\([a-z0-9_]*\).*/\1/p' mod_ximss/directives.def | sort -u >"$guard_tmp/merged"
awk '/^void \*ximss_config_merge\(/ { inside = 1 } inside' mod_ximss/config.c | awk '/^}/ { exit } 1' |
    grep -oE 'config->[a-z0-9_]+' | sed 's/.*>//' | sort -u >>"$guard_tmp/merged"
sort -u "$guard_tmp/merged" | comm -23 "$guard_tmp/members" - | expect_none "every member is merged"
finish
