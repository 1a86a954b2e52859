/** The real browser: what was built, served from loopback under a policy, and a page that loads it. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium, type Browser, type Page } from "playwright-core";
import { build } from "vite";

export const PROGRAM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
/** CI set means that nothing may be skipped. */
export const WITHOUT_BROWSER = !existsSync(PROGRAM) && process.env["CI"] === undefined;

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TYPES: { [ending: string]: string } = { ".js": "text/javascript", ".html": "text/html" };
const STRICT = "default-src 'none'; connect-src 'self'";
export const POLICY = `${STRICT}; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'`;
export const POLICY_WITHOUT_WASM = `${STRICT}; script-src 'self'; worker-src 'self'`;

// As root there is no sandbox; the rest keeps it from talking to anybody.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A browser, and files of this library in it. */
export class Chromium {
  readonly #browser: Browser;
  readonly #folder: string;
  readonly #servers: Server[] = [];
  readonly #served = new Map<string, number>();

  private constructor(browser: Browser, folder: string) {
    this.#browser = browser;
    this.#folder = folder;
  }

  /** `entries`: name of each script, which is served as /name.js, and its source. */
  static async start(entries: { readonly [name: string]: string }): Promise<Chromium> {
    const folder = mkdtempSync(join(tmpdir(), "cencomm-web-"));
    await build({
      root: ROOT,
      configFile: false,
      logLevel: "warn",
      build: {
        outDir: folder,
        emptyOutDir: false,
        chunkSizeWarningLimit: 1000,
        target: "es2023",
        rollupOptions: {
          input: entries,
          preserveEntrySignatures: "exports-only",
          output: { entryFileNames: "[name].js" },
        },
      },
    });
    return new Chromium(await chromium.launch({ executablePath: PROGRAM, args: FLAGS }), folder);
  }

  /** A page that has loaded /page.js from its own origin, under this policy. */
  async page(policy: string): Promise<Page> {
    const page = await this.#browser.newPage();
    page.on("pageerror", (error) => console.error(error));
    await page.goto(await this.#serve(policy));
    await page.waitForFunction("window.loaded === true");
    return page;
  }

  /** How often this file was asked for; nothing is cached. */
  served(name: string): number {
    return this.#served.get(name) ?? 0;
  }

  async end(): Promise<void> {
    await this.#browser.close();
    for (const server of this.#servers) server.close();
    rmSync(this.#folder, { recursive: true });
  }

  async #serve(policy: string): Promise<string> {
    const server = createServer(async ({ url = "/" }, answer) => {
      answer.setHeader("Content-Security-Policy", policy);
      answer.setHeader("Cache-Control", "no-store");
      const name = url === "/" ? "/index.html" : url;
      this.#served.set(name, this.served(name) + 1);
      answer.setHeader("Content-Type", TYPES[extname(name)] ?? "application/octet-stream");
      if (url === "/") {
        answer.end('<!doctype html><title>test</title><script type="module" src="/page.js"></script>');
        return;
      }
      try {
        answer.end(await readFile(join(this.#folder, name)));
      } catch {
        answer.statusCode = 404;
        answer.end();
      }
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    this.#servers.push(server);
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
}
