/*
 * inject_network.c - see inject.h. The calls of libcurl and PCRE2, and the
 * memory that libcurl and cJSON ask for.
 */
#include "inject_network.h"

#include "inject.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* They are called by renamed calls only. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

/* ---- libcurl ----------------------------------------------------------- */

CURLcode fault_call_curl_global_init(long flags)
{
    return fault_due(FAULT_CURL, 0) ? CURLE_FAILED_INIT
                                    : curl_global_init(flags);
}

CURL *fault_call_curl_easy_init(void)
{
    return fault_due(FAULT_CURL, 0) ? NULL : curl_easy_init();
}

/* Only what is copied can fail. */
CURLcode fault_call_curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    const struct curl_easyoption *about = curl_easy_option_by_id(option);
    CURLcode code;
    va_list list;

    va_start(list, option);
    if (about->type == CURLOT_STRING && fault_due(FAULT_CURL, 0))
        code = CURLE_OUT_OF_MEMORY;
    else if (option < CURLOPTTYPE_OBJECTPOINT)
        code = curl_easy_setopt(easy, option, va_arg(list, long));
    else if (option < CURLOPTTYPE_OFF_T)
        code = curl_easy_setopt(easy, option, va_arg(list, void *));
    else
        code = curl_easy_setopt(easy, option, va_arg(list, curl_off_t));
    va_end(list);
    return code;
}

CURLcode fault_call_curl_easy_perform(CURL *easy)
{
    return fault_due(FAULT_CURL, 0) ? CURLE_OUT_OF_MEMORY
                                    : curl_easy_perform(easy);
}

CURLcode fault_call_curl_easy_pause(CURL *easy, int what)
{
    return fault_due(FAULT_CURL, 0) ? CURLE_OUT_OF_MEMORY
                                    : curl_easy_pause(easy, what);
}

CURLM *fault_call_curl_multi_init(void)
{
    return fault_due(FAULT_CURL, 0) ? NULL : curl_multi_init();
}

CURLMcode fault_call_curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    return fault_due(FAULT_CURL, 0) ? CURLM_OUT_OF_MEMORY
                                    : curl_multi_add_handle(multi, easy);
}

CURLMcode fault_call_curl_multi_socket_action(CURLM *multi, curl_socket_t fd,
                                              int events, int *running)
{
    return fault_due(FAULT_CURL, 0)
               ? CURLM_OUT_OF_MEMORY
               : curl_multi_socket_action(multi, fd, events, running);
}

struct curl_slist *fault_call_curl_slist_append(struct curl_slist *list,
                                                const char *text)
{
    return fault_due(FAULT_CURL, 0) ? NULL : curl_slist_append(list, text);
}

CURLSH *fault_call_curl_share_init(void)
{
    return fault_due(FAULT_CURL, 0) ? NULL : curl_share_init();
}

/* The options that are used take an int. */
CURLSHcode fault_call_curl_share_setopt(CURLSH *share, CURLSHoption option, ...)
{
    va_list list;

    if (fault_due(FAULT_CURL, 0))
        return CURLSHE_NOMEM;
    va_start(list, option);
    CURLSHcode code = curl_share_setopt(share, option, va_arg(list, int));
    va_end(list);
    return code;
}

CURLU *fault_call_curl_url(void)
{
    return fault_due(FAULT_CURL, 0) ? NULL : curl_url();
}

CURLUcode fault_call_curl_url_set(CURLU *url, CURLUPart part, const char *text,
                                  unsigned flags)
{
    return fault_due(FAULT_CURL, 0) ? CURLUE_OUT_OF_MEMORY
                                    : curl_url_set(url, part, text, flags);
}

CURLUcode fault_call_curl_url_get(CURLU *url, CURLUPart part, char **text,
                                  unsigned flags)
{
    return fault_due(FAULT_CURL, 0) ? CURLUE_OUT_OF_MEMORY
                                    : curl_url_get(url, part, text, flags);
}

/* ---- PCRE2 ------------------------------------------------------------- */

pcre2_code *fault_call_pcre2_compile_8(PCRE2_SPTR pattern, PCRE2_SIZE length,
                                       uint32_t options, int *error,
                                       PCRE2_SIZE *at,
                                       pcre2_compile_context *context)
{
    if (fault_due(FAULT_PATTERNS, 0)) {
        *error = PCRE2_ERROR_NOMEMORY;
        return NULL;
    }
    return pcre2_compile(pattern, length, options, error, at, context);
}

int fault_call_pcre2_jit_compile_8(pcre2_code *code, uint32_t options)
{
    return fault_due(FAULT_PATTERNS, 0) ? PCRE2_ERROR_NOMEMORY
                                        : pcre2_jit_compile(code, options);
}

pcre2_match_data *
fault_call_pcre2_match_data_create_8(uint32_t n, pcre2_general_context *context)
{
    return fault_due(FAULT_PATTERNS, 0) ? NULL
                                        : pcre2_match_data_create(n, context);
}

int fault_call_pcre2_match_8(const pcre2_code *code, PCRE2_SPTR text,
                             PCRE2_SIZE size, PCRE2_SIZE at, uint32_t options,
                             pcre2_match_data *match,
                             pcre2_match_context *context)
{
    return fault_due(FAULT_PATTERNS, 0)
               ? PCRE2_ERROR_NOMEMORY
               : pcre2_match(code, text, size, at, options, match, context);
}

int fault_call_pcre2_jit_match_8(const pcre2_code *code, PCRE2_SPTR text,
                                 PCRE2_SIZE size, PCRE2_SIZE at,
                                 uint32_t options, pcre2_match_data *match,
                                 pcre2_match_context *context)
{
    return fault_due(FAULT_PATTERNS, 0)
               ? PCRE2_ERROR_JIT_STACKLIMIT
               : pcre2_jit_match(code, text, size, at, options, match, context);
}

/* ---- Memory that libraries ask for ------------------------------------- */

static void *curl_malloc(size_t size)
{
    return fault_due(FAULT_INSIDE_CURL, ENOMEM) ? NULL : malloc(size);
}

static void *curl_realloc(void *memory, size_t size)
{
    return fault_due(FAULT_INSIDE_CURL, ENOMEM) ? NULL : realloc(memory, size);
}

static char *curl_strdup(const char *text)
{
    return fault_due(FAULT_INSIDE_CURL, ENOMEM) ? NULL : strdup(text);
}

static void *curl_calloc(size_t n, size_t size)
{
    return fault_due(FAULT_INSIDE_CURL, ENOMEM) ? NULL : calloc(n, size);
}

static void *json_malloc(size_t size)
{
    return fault_due(FAULT_INSIDE_JSON, ENOMEM) ? NULL : malloc(size);
}

void fault_inside_libraries(void)
{
    cJSON_Hooks hooks = {json_malloc, free};

    cJSON_InitHooks(&hooks);
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, free, curl_realloc,
                         curl_strdup, curl_calloc);
}
