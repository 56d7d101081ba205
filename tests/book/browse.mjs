// browse.mjs FOLDER - opens the pages of the book in headless Chromium, as a
// phone, as paper and as a desk's screen, light and dark: nothing is wider than
// the screen or the paper, paper is white and has the folded answers, and
// axe-core finds nothing that keeps anyone out.
//
// Each page is looked at with all that is folded unfolded, but for paper. Of the pages of source
// files, which are all of one kind, three are looked at. Speaks TAP; NPM_FOLDER
// has the packages.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.env.NPM_FOLDER, "package.json"));
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");

const [PHONE, PAPER, DESK] = [360, 680, 1280]; // pixels; A4 has 680 inside
const SOURCES = 3;

const book = resolve(process.argv[2]);
const all = readdirSync(book, { recursive: true })
    .filter((name) => name.endsWith(".html")).sort();
const isSource = (name) => /(\.\w+|Makefile)\.html$/.test(name);
const names = [...all.filter((name) => !isSource(name)),
    ...all.filter(isSource).slice(0, SOURCES)];

const browser = await chromium.launch({
    executablePath: execFileSync("which", ["chromium"]).toString().trim(),
    args: ["--no-sandbox"], // root, as in a container, has none
});
const page = await (await browser.newContext({ bypassCSP: true })).newPage();

// What is too wide at this width: nothing, or by how much.
async function tooWide(media, width) {
    await page.emulateMedia({ media });
    await page.setViewportSize({ width, height: 800 });
    const needed = await page.evaluate(
        () => document.documentElement.scrollWidth);
    return needed <= width ? [] : [`${media}: ${needed} of ${width} pixels`];
}

// Whoever has set the screen to dark gets white paper; and nobody unfolds it.
async function paperLacks() {
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    return page.evaluate(() => {
        const faults = [];
        const colour = getComputedStyle(document.body).backgroundColor;
        if (colour !== "rgb(255, 255, 255)")
            faults.push(`print: the paper is ${colour}`);
        for (const answer of document.querySelectorAll("li details > p"))
            if (!answer.checkVisibility())
                faults.push(`print: folded: ${answer.textContent}`);
        return faults;
    });
}

async function axeFinds(colorScheme, only) {
    await page.emulateMedia({ media: "screen", colorScheme });
    await page.setViewportSize({ width: DESK, height: 800 });
    const { violations } = await page.evaluate(
        (options) => window.axe.run(document, options),
        { resultTypes: ["violations"],
            ...(only && { runOnly: { type: "rule", values: only } }) });
    return violations.map(({ id, help, nodes }) =>
        `${colorScheme}: ${id}: ${help}: ${nodes[0].html}`);
}

let count = 0;
for (const name of names) {
    const faults = [];
    await page.goto(pathToFileURL(join(book, name)).href);
    faults.push(...await paperLacks());
    await page.evaluate(() => {
        for (const folded of document.querySelectorAll("details"))
            folded.open = true;
    });
    faults.push(...await tooWide("screen", PHONE));
    faults.push(...await tooWide("print", PAPER));
    await page.addScriptTag({ path: axe });
    faults.push(...await axeFinds("light"));
    faults.push(...await axeFinds("dark", ["color-contrast"]));
    count++;
    console.log(`${faults.length ? "not " : ""}ok ${count} - ${name}`);
    for (const fault of faults)
        console.log(`# ${fault}`);
}
await browser.close();
console.log(`1..${count}`);
