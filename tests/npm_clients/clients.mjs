// clients.mjs - what users of the official clients do, done to our mock server.
// What the clients really sent is read from the server's ledger.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

const require = createRequire(process.env.NPM_FOLDER + '/');
const OpenAI = require('openai').OpenAI;
const Anthropic = require('@anthropic-ai/sdk').Anthropic;

// Starts a server, runs body(server) and stops the server.
async function withServer(options, body) {
    const child = spawn(process.env.MOCK_LLM,
        ['--port=0', '--latency=0', ...options],
        { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
        const lines = createInterface({ input: child.stdout });
        const [line] = await new Promise((resolve, reject) => {
            lines.once('line', (text) => resolve([text]));
            lines.once('close', () => reject(new Error('no server')));
        });
        const root = line.match(/http:\/\/[0-9.:]+/)[0];
        await body({
            root,
            ledger: async () => (await fetch(root + '/ledger')).json(),
        });
    } finally {
        child.kill('SIGTERM');
        await new Promise((resolve) => child.once('exit', resolve));
    }
}

// What is the same for both clients is tested for both.
const clients = {
    openai: {
        library: OpenAI,
        connect: (server, options) => new OpenAI({
            apiKey: 'sk-secret', baseURL: server.root + '/v1', ...options,
        }),
        ask: (client, text, options) => client.chat.completions.create(
            { model: 'gpt-4', messages: [{ role: 'user', content: text }] },
            options),
        stream: (client, text) => client.chat.completions.create({
            model: 'gpt-4', messages: [{ role: 'user', content: text }],
            stream: true,
        }),
        textOf: (answer) => answer.choices[0].message.content,
        tokenOf: (event) => event.choices[0]?.delta?.content ?? '',
    },
    anthropic: {
        library: Anthropic,
        connect: (server, options) => new Anthropic({
            apiKey: 'sk-secret', baseURL: server.root, ...options,
        }),
        ask: (client, text, options) => client.messages.create({
            model: 'claude', max_tokens: 100,
            messages: [{ role: 'user', content: text }],
        }, options),
        stream: (client, text) => client.messages.create({
            model: 'claude', max_tokens: 100, stream: true,
            messages: [{ role: 'user', content: text }],
        }),
        textOf: (answer) => answer.content[0].text,
        tokenOf: (event) => event.type === 'content_block_delta'
            ? event.delta.text : '',
    },
};

async function rejection(promise) {
    try {
        await promise;
    } catch (error) {
        return error;
    }
    assert.fail('it succeeded');
}

// Waits until the ledger is as wanted; a broken server ends in the time-out of
// the whole run.
async function until(server, isWanted) {
    for (;;) {
        const ledger = await server.ledger();
        if (isWanted(ledger)) {
            return ledger;
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
}

for (const [name, { library, connect, ask, stream, textOf, tokenOf }]
    of Object.entries(clients)) {
    test(`${name}: a chat`, () => withServer([], async (server) => {
        const answer = await ask(connect(server), 'What is Python?');
        assert.match(textOf(answer), /What is Python\?/);
        assert.equal(answer._request_id, 'req_000001');
        const { requests: [request] } = await server.ledger();
        assert.equal(request.answered, true);
        assert.ok(!JSON.stringify(request).includes('sk-secret'));
    }));

    test(`${name}: a stream`, () => withServer([], async (server) => {
        const client = connect(server);
        const prompt = 'Summarize in 3 bullet points: \u20acuro, \u{1F600}';
        const whole = textOf(await ask(client, prompt));
        const tokens = [];
        for await (const event of await stream(client, prompt)) {
            tokens.push(tokenOf(event));
        }
        assert.ok(tokens.filter((token) => token !== '').length > 5);
        assert.equal(tokens.join(''), whole);
    }));

    test(`${name}: fifty at once`, () => withServer(['--gate=50'],
        async (server) => {
            const client = connect(server);
            const prompts = Array.from({ length: 50 }, (_, i) => `Report ${i}`);
            const answers = await Promise.all(
                prompts.map((prompt) => ask(client, prompt)));
            answers.forEach((answer, i) =>
                assert.ok(textOf(answer).includes(prompts[i])));
            assert.equal((await server.ledger()).max_in_flight, 50);
        }));

    test(`${name}: errors by class`, async () => {
        const classes = {
            400: library.BadRequestError,
            401: library.AuthenticationError,
            403: library.PermissionDeniedError,
            404: library.NotFoundError,
            409: library.ConflictError,
            422: library.UnprocessableEntityError,
            429: library.RateLimitError,
            500: library.InternalServerError,
            503: library.InternalServerError,
        };
        const faults = Object.keys(classes).map((status, i) =>
            `--fault=${status} requests=${i + 1}`);
        await withServer(faults, async (server) => {
            const client = connect(server, { maxRetries: 0 });
            for (const [status, type] of Object.entries(classes)) {
                const error = await rejection(ask(client, 'Hello'));
                assert.ok(error instanceof type, `${status}: ${error}`);
                assert.equal(error.status, Number(status));
                assert.match(error.message, /a pretended fault/);
                assert.match(error.requestID, /^req_0/);
            }
        });
    });

    test(`${name}: a request that is not right`, () => withServer([],
        async (server) => {
            const error = await rejection(ask(connect(server), 17));
            assert.ok(error instanceof library.BadRequestError);
            assert.match(error.message, /messages\[0\]\.content/);
            assert.equal((await server.ledger()).requests.length, 1);
        }));

    for (const [words, fault] of [
        ['a status', '503 attempts=1'],
        ['Retry-After in seconds', '429 attempts=1-2 retry-after=0.01'],
        ['Retry-After in milliseconds', '429 attempts=1-2 retry-after-ms=10'],
        ['Retry-After as a date', '429 attempts=1 retry-after-date=1'],
        ['a reset', 'reset attempts=1'],
        ['no answer', 'hang attempts=1'],
    ]) {
        test(`${name}: its own retry after ${words}`, () => withServer(
            [`--fault=${fault}`], async (server) => {
                const answer = await ask(
                    connect(server, { timeout: 2000 }), 'Hello');
                assert.match(textOf(answer), /Hello/);
                const { requests } = await server.ledger();
                const last = requests.length;
                assert.equal(last, fault.includes('1-2') ? 3 : 2);
                assert.equal(requests[last - 1].attempt, last);
                assert.equal(requests[last - 1].first_attempt, 1);
                assert.equal(requests[last - 1].status, 200);
            }));
    }

    test(`${name}: it gives up after its retries`, () => withServer(
        ['--fault=429 retry-after-ms=1'], async (server) => {
            const error = await rejection(ask(connect(server), 'Hello'));
            assert.ok(error instanceof library.RateLimitError);
            assert.equal((await server.ledger()).requests.length, 3);
        }));

    test(`${name}: no retry when the money is spent`, () => withServer(
        ['--fault=quota'], async (server) => {
            const error = await rejection(ask(connect(server), 'Hello'));
            assert.ok([402, 429].includes(error.status));
            assert.equal((await server.ledger()).requests.length, 1);
        }));

    test(`${name}: a time-out closes the connection`, () => withServer(
        ['--fault=hang'], async (server) => {
            const client = connect(server, { maxRetries: 0, timeout: 100 });
            const error = await rejection(ask(client, 'Hello'));
            assert.ok(error instanceof library.APIConnectionTimeoutError);
            const { requests: [request] } =
                await until(server, (ledger) => ledger.in_flight === 0);
            assert.equal(request.disconnected, true);
        }));

    test(`${name}: answers that are none`, async () => {
        for (const fault of ['malformed', 'truncate']) {
            await withServer([`--fault=${fault}`], async (server) => {
                await rejection(ask(connect(server, { maxRetries: 0 }), 'Hi'));
            });
        }
    });

    test(`${name}: streams that break`, async () => {
        for (const fault of ['truncate', 'reset', 'malformed', '529']) {
            await withServer([`--fault=${fault} after-tokens=3`],
                async (server) => {
                    const tokens = [];
                    await rejection((async () => {
                        for await (const event of
                            await stream(connect(server), 'Hello')) {
                            tokens.push(tokenOf(event));
                        }
                    })());
                    assert.equal(
                        tokens.filter((token) => token !== '').length, 3,
                        fault);
                });
        }
    });

    test(`${name}: leaving a stream`, () => withServer(
        ['--tokens-per-second=50'], async (server) => {
            for await (const event of await stream(connect(server), 'Hello')) {
                if (tokenOf(event) !== '') {
                    break;
                }
            }
            const { requests: [request] } =
                await until(server, (ledger) => ledger.in_flight === 0);
            assert.equal(request.disconnected, true);
            assert.equal(request.answered, false);
        }));

    test(`${name}: models`, () => withServer([], async (server) => {
        const names = [];
        for await (const model of await connect(server).models.list()) {
            names.push(model.id);
        }
        assert.ok(names.includes(name === 'openai' ? 'gpt-4'
            : 'claude-sonnet-4-5'));
    }));

    test(`${name}: limits, and what is left of them`, () => withServer(
        ['--requests-per-minute=1', '--burst=2'], async (server) => {
            const client = connect(server, { maxRetries: 0 });
            const prefix = name === 'openai' ? 'x-ratelimit-remaining-requests'
                : 'anthropic-ratelimit-requests-remaining';
            for (const left of ['1', '0']) {
                const { response } = await ask(client, 'Hello').withResponse();
                assert.equal(response.headers.get(prefix), left);
            }
            const error = await rejection(ask(client, 'Hello'));
            assert.ok(error instanceof library.RateLimitError);
            assert.ok(Number(error.headers.get('retry-after')) > 0);
        }));
}

test('openai: usage at the end of a stream', () => withServer([],
    async (server) => {
        const client = clients.openai.connect(server);
        let usage;
        for await (const chunk of await client.chat.completions.create({
            model: 'gpt-4', stream: true,
            stream_options: { include_usage: true },
            messages: [{ role: 'user', content: 'What is Python?' }],
        })) {
            usage = chunk.usage ?? usage;
        }
        assert.deepEqual(usage, {
            prompt_tokens: 11, completion_tokens: 18, total_tokens: 29,
        });
    }));

test('anthropic: a stream put together by the client', () => withServer([],
    async (server) => {
        const message = await clients.anthropic.connect(server)
            .messages.stream({
                model: 'claude', max_tokens: 5, system: 'Be brief.',
                messages: [{ role: 'user', content: 'What is Python?' }],
            }).finalMessage();
        assert.equal(message.stop_reason, 'max_tokens');
        assert.equal(message.content[0].text, 'This is a pretended ');
        assert.equal(message.usage.output_tokens, 5);
        assert.equal(message.usage.input_tokens, 18);
    }));
