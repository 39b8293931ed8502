/* Replays fuzz inputs without a fuzzer: runs LLVMFuzzerTestOneInput once on each file and prints TAP. With
 * arguments: those files and folders; without: tests/fuzz/corpus/<name> of a program called fuzz_<name>.
 * An input that crashes ends the program before its plan, which prove counts as a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static int replayed;

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    /* Of the exact size, so that a sanitizer sees a read behind the end. */
    size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL || fread(data, 1, size, file) != size) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    const char *name = strrchr(path, '/');
    printf("# %s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    printf("ok %d - %s\n", ++replayed, name != NULL ? name + 1 : path);
}

static int no_dot_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        replay_file(path);
        return;
    }
    struct dirent **entries;
    int count = scandir(path, &entries, no_dot_file, alphasort);
    for (int i = 0; i < count; i++) {
        char inside[4096];
        snprintf(inside, sizeof(inside), "%s/%s", path, entries[i]->d_name);
        free(entries[i]);
        replay(inside);
    }
    if (count >= 0) {
        free(entries);
    }
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize != NULL) {
        LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        replay(argv[i]);
    }
    if (argc < 2) {
        const char *root = getenv("XIMSS_SRC");
        const char *name = strrchr(argv[0], '/');
        char path[4096];
        name = name != NULL ? name + 1 : argv[0];
        snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s",
                 root != NULL ? root : XIMSS_TEST_SRCDIR,
                 strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
        replay(path);
    }
    printf("1..%d\n", replayed);
    return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
