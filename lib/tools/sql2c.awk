# Compiles a file of SQL into a C source and header, so that SQL stands in .sql files only.
#
#   awk -f sql2c.awk -v base=sqlite_query -v source=OUT.c -v header=OUT.h sqlite_query.sql
#
# lib/store/NAME.sql becomes store/NAME.h (include it so) and store/NAME.c in the build folder.
#
# A file of statements: each line "-- STMT some_name" starts a statement, which goes on up to the
# next. From sqlite_query.sql come
#     typedef enum ximss_sqlite_query_t {
#         XIMSS_SQLITE_QUERY_SOME_NAME, ..., XIMSS_SQLITE_QUERY_COUNT
#     } ximss_sqlite_query_t;
#     extern const char *const ximss_sqlite_query_sql[];   indexed by the enum
#     extern const char *const ximss_sqlite_query_name[];  "some_name", for logs
#
# A file of upgrade steps: each line "-- STEP n" (n counts from 1 without a gap) starts a step of one
# or more statements. From sqlite_schema.sql come
#     extern const char *const ximss_sqlite_schema_steps[];   NULL after the last
#     #define XIMSS_SQLITE_SCHEMA_STEPS 3
#
# A file holds one of the two kinds. Lines that hold only a comment are left out of the C strings. Each is in
# parentheses: clang takes a string of two lines between others of one for a forgotten comma.

function fail(text)
{
    printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
    failed = 1
    exit 1
}

function begin(what, id)
{
    if (kind != "" && kind != what) {
        fail("a file holds STMT or STEP sections, not both")
    }
    if (count > 0 && body[count] == "") {
        fail("the section before this one is empty")
    }
    kind = what
    if (what == "STMT" && id !~ /^[a-z][a-z0-9_]*$/) {
        fail("a statement name is a lower-case identifier")
    }
    if (what == "STEP" && id != (count + 1) "") {
        fail("steps count from 1 without a gap")
    }
    if (id in seen) {
        fail("the name " id " stands here twice")
    }
    seen[id] = 1
    name[++count] = id
    body[count] = ""
}

/^[ \t]*--[ \t]*(STMT|STEP)[ \t]/ {
    sub(/^[ \t]*--[ \t]*/, "")
    begin($1, $2)
    next
}

/^[ \t]*(--.*)?$/ {
    next
}

{
    if (count == 0) {
        fail("SQL before the first section")
    }
    line = $0
    gsub(/\\/, "&&", line)
    gsub(/"/, "\\\"", line)
    body[count] = body[count] "\n    \"" line "\\n\""
}

END {
    if (failed) {
        exit 1
    }
    if (count == 0 || body[count] == "") {
        fail("no section, or an empty last one")
    }
    upper = toupper(base)
    guard = "XIMSS_STORE_" upper "_H"
    printf "/* Made from %s.sql by sql2c.awk. */\n#ifndef %s\n#define %s\n\n", base, guard, guard > header
    printf "/* Made from %s.sql by sql2c.awk. */\n#include \"store/%s.h\"\n", base, base > source
    if (kind == "STMT") {
        printf "typedef enum ximss_%s_t {\n", base > header
        for (i = 1; i <= count; i++) {
            printf "    XIMSS_%s_%s,\n", upper, toupper(name[i]) > header
        }
        printf "    XIMSS_%s_COUNT\n} ximss_%s_t;\n\n", upper, base > header
        printf "extern const char *const ximss_%s_sql[];\n", base > header
        printf "extern const char *const ximss_%s_name[];\n", base > header
        printf "\nconst char *const ximss_%s_sql[] = {\n", base > source
        for (i = 1; i <= count; i++) {
            printf "    /* %s */ (%s),\n", name[i], body[i] > source
        }
        printf "};\n\nconst char *const ximss_%s_name[] = {\n", base > source
        for (i = 1; i <= count; i++) {
            printf "    \"%s\",\n", name[i] > source
        }
        printf "};\n" > source
    } else {
        printf "#define XIMSS_%s_STEPS %d\n\n", upper, count > header
        printf "extern const char *const ximss_%s_steps[];\n", base > header
        printf "\n#include <stddef.h>\n\nconst char *const ximss_%s_steps[] = {\n", base > source
        for (i = 1; i <= count; i++) {
            printf "    /* %s */ (%s),\n", name[i], body[i] > source
        }
        printf "    NULL,\n};\n" > source
    }
    printf "\n#endif\n" > header
}
