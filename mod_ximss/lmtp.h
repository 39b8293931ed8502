/* LMTP on a port of httpd: Listen ADDRESS:PORT lmtp. */
#ifndef XIMSS_MOD_XIMSS_LMTP_H
#define XIMSS_MOD_XIMSS_LMTP_H

/* Adds the hooks. */
void ximss_lmtp_register(void);

#endif
