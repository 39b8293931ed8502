/* Whether the settings of httpd and of the machine carry the polls that were asked for. */
#ifndef XIMSS_MOD_XIMSS_CARRY_H
#define XIMSS_MOD_XIMSS_CARRY_H

#include <httpd.h>

/* Warns of what will not, at start; PARKS: polls are parked. */
void ximss_carry_check(server_rec *server, int parks);

#endif
