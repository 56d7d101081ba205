// tokens.mjs - writes texts and their tokens, as the npm package tiktoken counts
// them, for test_llm_tokens: "CL100K O200K BYTES\n", the text, "\n", and so on.
//
// The texts come from a fixed seed: words of many scripts, code, numbers, blanks
// of all kinds, emoji, marks, and characters drawn from all of Unicode.
import { createRequire } from 'node:module'
import { writeFileSync } from 'node:fs'
const { get_encoding } = createRequire(process.cwd() + '/')('tiktoken')

let seed = 4711n
const below = (n) => {
    seed = (seed * 6364136223846793005n + 1442695040888963407n) & (2n ** 64n - 1n)
    return Number((seed >> 33n) % BigInt(n))
}
const pick = (list) => list[below(list.length)]

const words = `the of and to Engineering report content foundation bearing
settlement HTTPServer camelCase snake_case don't I'LL we'Re it'S O'Neill Straße
naïve façade Ελληνικά Привет мир здание שלום مرحبا العالم हिन्दी 日本語 漢字 中文字
한국어 ไทย Tiếng Việt ǅungla İstanbul ſ 'ſ ﬁn K Ⅷ ½ ²³ ١٢٣ 0 12 345 6789 1234567 3.14
0x1F 1e10 foo() { return a[i]; } => != // /* */ <b> &amp; \\n \\u00e4 https://a.b/c?d=e&f
... --- === ,,, ''' """ @#$%^&* ( ) 👍 👍🏽 👩‍👩‍👧 🇩🇪 🌉 é ñ ü ȩ́̂ a̐éö̲ <|endoftext|>
ALLCAPS Mixed123Case x's X'S 'tis 'VE 'll ’s ’ “quoted” — – • … №`.split(/\s+/)
const blanks = [' ', ' ', ' ', ' ', '  ', '\n', '\n\n', '\r\n', '\t', '   \n  ', '\u00a0',
    '\u3000', '\u180e', '\u0085', '\u2028', '\u200b', '\v', '\f', '\r', ' \n \n ', '\u202f', '/']

// A character; none that Unicode has not assigned (its versions differ).
const character = () => {
    for (;;) {
        const c = below(8) ? below(0x3000) : below(0x30000)
        const text = String.fromCodePoint(c)
        if (c > 0 && (c < 0xd800 || c > 0xdfff) && !/\p{Cn}|\p{Co}/u.test(text)) return text
    }
}
const runs = ['a', ' ', '\n', '=', 'é', '中', '👍', '9', 'A', 'ab', ' a', '\t', '-', "'"]

const text = () => {
    let result = ''
    const kind = below(10)
    for (let n = 1 + below(kind === 9 ? 3 : 120); n > 0; n--) {
        if (kind < 7) result += pick(words) + pick(blanks)
        else if (kind < 9) result += character()
        else result += pick(runs).repeat(1 + below(600)) + pick(blanks)
    }
    return result
}

const cl100k = get_encoding('cl100k_base')
const o200k = get_encoding('o200k_base')
const encoder = new TextEncoder()
const parts = []
const all = []
for (let size = 0; size < 1.5e6; ) {
    const string = text()
    const bytes = encoder.encode(string)
    const counts = [cl100k, o200k].map((encoding) => encoding.encode_ordinary(string).length)
    parts.push(Buffer.from(`${counts[0]} ${counts[1]} ${bytes.length}\n`), Buffer.from(bytes),
        Buffer.from('\n'))
    all.push(string)
    size += bytes.length
}
writeFileSync(process.argv[2], Buffer.concat(parts))

// For whoever compares; in seconds of CPU, as the other side counts them.
const whole = all.join('').slice(0, 1000000)
const begin = process.cpuUsage()
cl100k.encode_ordinary(whole)
const spent = process.cpuUsage(begin)
const seconds = (spent.user + spent.system) / 1e6
console.log(`# tiktoken counts ${(encoder.encode(whole).length / 1e6 / seconds).toFixed(1)} MB in a second`)
