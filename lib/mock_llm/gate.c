/*
 * gate.c - holds replies back until as many requests wait as the gate's size.
 *
 * That proves concurrency without a clock: who sends one request at a time, or
 * fewer than that at once, never gets a reply. One by one, it also proves that
 * each reply's place is taken by a new request at once.
 */
#include "mock_llm/server.h"

/* In a fresh event: those let go are answered one after another, and the first
   one's end does not find the list half changed. */
static void let_go(struct exchange *exchange)
{
    bool due = exchange->gate == HELD_AND_DUE;

    mock_llm_gate_leave(exchange);
    if (due)
        mock_llm_exchange_in(exchange, 0);
}

static void let_all_go(const struct gate *gate)
{
    while (gate->oldest)
        let_go(gate->oldest);
}

static void on_impatience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    mock_llm_gate_open(arg);
}

/* From now on the patience is counted anew. */
static void be_patient(struct mock_llm *server)
{
    struct gate *gate = &server->gate;
    struct timeval patience = mock_llm_real_time(server, gate->patience);

    if (gate->patience > 0 && gate->held > 0)
        event_add(&gate->impatience, &patience);
    else
        event_del(&gate->impatience);
}

void mock_llm_gate_init(struct mock_llm *server,
                        const struct mock_llm_options *options)
{
    struct gate *gate = &server->gate;

    gate->size = options->gate;
    gate->one_by_one = options->gate_one_by_one;
    gate->patience = options->gate_patience;
    evtimer_assign(&gate->impatience, server->base, on_impatience, server);
}

void mock_llm_gate_enter(struct exchange *exchange)
{
    struct mock_llm *server = exchange->server;
    struct gate *gate = &server->gate;

    if (gate->size == 0 || !exchange->plan.held)
        return;
    exchange->gate = HELD;
    exchange->older = gate->newest;
    *(gate->newest ? &gate->newest->newer : &gate->oldest) = exchange;
    gate->newest = exchange;
    gate->held++;
    if (gate->held >= gate->size) {
        mock_llm_ledger_gate_filled(&server->ledger);
        if (gate->one_by_one) {
            let_go(gate->oldest);
        } else {
            gate->size = 0;
            let_all_go(gate);
        }
    }
    be_patient(server);
}

void mock_llm_gate_leave(struct exchange *exchange)
{
    struct gate *gate = &exchange->server->gate;

    if (exchange->gate == NOT_HELD)
        return;
    *(exchange->older ? &exchange->older->newer : &gate->oldest) =
        exchange->newer;
    *(exchange->newer ? &exchange->newer->older : &gate->newest) =
        exchange->older;
    gate->held--;
    exchange->gate = NOT_HELD;
}

void mock_llm_gate_let_go(struct mock_llm *server)
{
    if (server->gate.oldest)
        let_go(server->gate.oldest);
    be_patient(server);
}

void mock_llm_gate_open(struct mock_llm *server)
{
    struct gate *gate = &server->gate;

    if (gate->size == 0)
        return;
    gate->size = 0;
    mock_llm_ledger_gate_opened(&server->ledger);
    let_all_go(gate);
    be_patient(server);
}
