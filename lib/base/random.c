/* Random text for secrets: OpenSSL's generator, mapped to the alphabet without bias. */
#include "base/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

enum { LETTERS = sizeof(alphabet) - 1, FAIR = 256 - 256 % LETTERS };

int ximss_random_text(char *text, apr_size_t length)
{
    unsigned char bytes[64];
    apr_size_t filled = 0;
    apr_size_t i;

    text[0] = '\0';
    while (filled < length) {
        if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
            OPENSSL_cleanse(text, filled);
            text[0] = '\0';
            return 0;
        }
        /* bytes from FAIR up are thrown away: a remainder of all 256 would favour the first letters */
        for (i = 0; i < sizeof(bytes) && filled < length; i++) {
            if (bytes[i] < FAIR) {
                text[filled++] = alphabet[bytes[i] % LETTERS];
            }
        }
    }
    text[length] = '\0';
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return 1;
}
