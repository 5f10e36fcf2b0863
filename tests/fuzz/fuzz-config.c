/* The configuration's parser. Beyond memory errors: an object comes exactly when there is
 * no error; errors have a place, stand in order and are printable; and no accepted file
 * lets mail go out without a sender. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool exists(void *userdata, const char *path)
{
    (void)userdata;
    return strlen(path) % 2 == 0;
}

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void judge_errors(const struct config_errors *errors)
{
    expect(errors->n > 0);
    for (size_t i = 0; i < errors->n; i++) {
        const struct config_error *e = &errors->errors[i], *before = e - 1;

        expect(e->line > 0 && e->column > 0);
        expect(text_is_printable(e->message, strlen(e->message)));
        if (i > 0)
            expect(before->line < e->line ||
                   (before->line == e->line && before->column <= e->column));
    }
}

static void judge_config(const struct config *c)
{
    expect(c->n_sources > 0);
    expect(c->detect.failures > 0 && c->detect.window > 0 && c->detect.settle > 0);
    expect(c->state[0] == '/' && c->control[0] == '/');
    if (c->policy.mode != MODE_OBSERVE)
        expect(c->report.from && c->report.reply_to &&
               (c->report.hide_destination || c->report.n_addresses > 0));
    for (size_t i = 0; i < c->n_sources; i++)
        expect((c->sources[i].kind == SOURCE_FILE) == (c->sources[i].path != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config_world world = {.file_exists = exists};
    struct config_errors errors = {0};
    struct config *c = NULL;
    int r = config_parse((const char *)data, size, &world, &c, &errors);

    expect(r >= 0 && (r == 0) == (c != NULL) && (r == 0) == (errors.n == 0));
    if (c)
        judge_config(c);
    else
        judge_errors(&errors);
    config_errors_done(&errors);
    config_free(c);
    return 0;
}
