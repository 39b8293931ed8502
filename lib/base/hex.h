/* Bytes as two hexadecimal digits. Any thread. */
#ifndef XIMSS_BASE_HEX_H
#define XIMSS_BASE_HEX_H

/* The byte that two digits give, in any letter case; -1 if they are none. */
int ximss_hex_byte(char high, char low);

/* Writes the two digits of BYTE, in capitals, to OUT; returns what is behind them. */
char *ximss_hex_write(char *out, char byte);

#endif
