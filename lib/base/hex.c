/* See hex.h. */
#include "base/hex.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int ximss_hex_byte(char high, char low)
{
    int first = digit(high);
    int second = digit(low);

    return first < 0 || second < 0 ? -1 : first * 16 + second;
}

char *ximss_hex_write(char *out, char byte)
{
    static const char digits[] = "0123456789ABCDEF";

    *out++ = digits[(unsigned char)byte >> 4];
    *out++ = digits[byte & 15];
    return out;
}
