/* What an address is made of (RFC 5322, 3.4.1; RFC 5321, 4.1.2; RFC 6532), for all that writes or judges one. Any thread. */
#ifndef XIMSS_MIME_ADDR_SPEC_H
#define XIMSS_MIME_ADDR_SPEC_H

/* Longest address in bytes: it stands in a header field, on one line. */
#define XIMSS_ADDR_MAX 512

/* Whether C is a byte of an atom, or of UTF-8. */
int ximss_addr_atext(char c);

/* Behind the local part at TEXT, NULL when there is none. Real ones have dots everywhere. */
const char *ximss_addr_local_end(const char *text);

/* Behind the quoted string that begins at TEXT, NULL when it has no end or control characters in it. */
const char *ximss_addr_quoted_end(const char *text);

/* Whether ADDR can stand between "<" and ">": local@domain or a lone local part, the local part
 * perhaps quoted, the domain perhaps a literal; UTF-8 as in RFC 6532; at most XIMSS_ADDR_MAX bytes. Leniency: dots may stand
 * anywhere in the local part. Never "=?": careless readers decode words even here. */
int ximss_addr_ok(const char *addr);

#endif
