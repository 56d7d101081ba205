/*
 * error.c - the classes of errors: their names, and which are worth a retry.
 */
#include "llm/llm_private.h"

#include <string.h>

const char *llm_strerror(int err)
{
    switch (err) {
    case LLM_EBADREQUEST:
        return "bad request";
    case LLM_EAUTHENTICATION:
        return "authentication failed";
    case LLM_EPERMISSION:
        return "permission denied";
    case LLM_ENOTFOUND:
        return "not found";
    case LLM_ECONFLICT:
        return "conflict";
    case LLM_EUNPROCESSABLE:
        return "unprocessable request";
    case LLM_ERATELIMIT:
        return "rate limit exceeded";
    case LLM_EQUOTA:
        return "no credit left";
    case LLM_ESERVER:
        return "server error";
    case LLM_ECONNECTION:
        return "connection failed";
    case LLM_ETIMEDOUT:
        return "timed out";
    case LLM_EMALFORMED:
        return "malformed answer";
    default:
        return async_strerror(err);
    }
}

bool llm_worth_retrying(int err)
{
    switch (err) {
    case LLM_ECONFLICT:
    case LLM_ERATELIMIT:
    case LLM_ESERVER:
    case LLM_ECONNECTION:
    case LLM_ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

int llm_error_of_status(int status)
{
    switch (status) {
    case 401:
        return LLM_EAUTHENTICATION;
    case 402:
        return LLM_EQUOTA;
    case 403:
        return LLM_EPERMISSION;
    case 404:
        return LLM_ENOTFOUND;
    case 408:
        return LLM_ETIMEDOUT;
    case 409:
        return LLM_ECONFLICT;
    case 422:
        return LLM_EUNPROCESSABLE;
    case 429:
        return LLM_ERATELIMIT;
    default:
        break;
    }
    if (status >= 500)
        return LLM_ESERVER;
    /* A redirect, say: the key must not follow it to wherever it leads. */
    return status >= 400 ? LLM_EBADREQUEST : LLM_EMALFORMED;
}

int llm_error_of_type(const char *type)
{
    static const struct {
        const char *type;
        int err;
    } types[] = {
        {"invalid_request_error", LLM_EBADREQUEST},
        {"request_too_large", LLM_EBADREQUEST},
        {"authentication_error", LLM_EAUTHENTICATION},
        {"invalid_api_key", LLM_EAUTHENTICATION},
        {"permission_error", LLM_EPERMISSION},
        {"not_found_error", LLM_ENOTFOUND},
        {"rate_limit_error", LLM_ERATELIMIT},
        {"rate_limit_exceeded", LLM_ERATELIMIT},
        {"insufficient_quota", LLM_EQUOTA},
        {"billing_error", LLM_EQUOTA},
        {"timeout_error", LLM_ETIMEDOUT},
    };

    for (size_t i = 0; type && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(type, types[i].type) == 0)
            return types[i].err;
    return LLM_ESERVER; /* "api_error", "overloaded_error", "server_error" */
}
