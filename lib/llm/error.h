/*
 * error.h - the error codes of a call to an LLM.
 *
 * A header of its own, which needs no library: also a program that does not use
 * llm.h can name what went wrong, and tell what may heal from what does not.
 */
#ifndef LLM_ERROR_H
#define LLM_ERROR_H

enum {
    LLM_EBADREQUEST = -2001,     /* 400, and whatever else is the request's */
    LLM_EAUTHENTICATION = -2002, /* 401: no key, or a wrong one */
    LLM_EPERMISSION = -2003,     /* 403: not with this key */
    LLM_ENOTFOUND = -2004,       /* 404: no such model, or a wrong base URL */
    LLM_ECONFLICT = -2005,       /* 409 */
    LLM_EUNPROCESSABLE = -2006,  /* 422 */
    LLM_ERATELIMIT = -2007,      /* 429: too many requests, or tokens */
    LLM_EQUOTA = -2008,          /* 402, or 429 as well: no credit is left */
    LLM_ESERVER = -2009,         /* 500 and above */
    LLM_ECONNECTION = -2010,     /* no connection, or it broke */
    LLM_ETIMEDOUT = -2011,       /* no connection, or no answer, in time; 408 */
    LLM_EMALFORMED = -2012       /* something came, but it is not an answer */
};

#endif
