import { createServer } from "node:http";
import { type Browser, chromium, type Page } from "playwright-core";
import { findProgram } from "../../testing/programs.ts";
import { until } from "../../testing/until.ts";

/** A page in a real browser that writes down everything in it that a harmless text would not cause. */
export interface WatchedPage {
	page: Page;
	/** Dialogs, console lines, script errors, requests, navigations and what the CSP stopped, so far. Resolves when the page is quiet. */
	seen(): Promise<string[]>;
	close(): Promise<void>;
}

/** No script at all, no image, no frame. `connect-src` is for `seen`, which ends with a request of its own. */
export const strictPolicy = "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'";

/** Debian's Chromium, or another one of this name. */
export async function startBrowser(): Promise<Browser> {
	// Chromium's sandbox does not start as root.
	return chromium.launch({ executablePath: await findProgram("chromium"), args: ["--no-sandbox"] });
}

/** Opens a document. Nothing is fetched from other hosts, but what is asked of them is written down. */
export async function watchPage(browser: Browser, html: string, policy: string | undefined): Promise<WatchedPage> {
	const server = createServer((request, response) => {
		const headers = { "Content-Type": "text/html; charset=utf-8", ...(policy && { "Content-Security-Policy": policy }) };
		if (request.url === "/") response.writeHead(200, headers).end(html);
		else response.writeHead(204).end();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as { port: number };
	const url = `http://127.0.0.1:${port}`;

	const noted: string[] = [];
	let ends = 0;
	const context = await browser.newContext();
	await context.route(
		(asked) => asked.origin !== url,
		(route) => route.abort(),
	);
	const page = await context.newPage();
	context.on("page", () => noted.push("a window was opened"));
	await page.exposeFunction("noteViolation", (what: string) => noted.push(`stopped by the CSP: ${what}`));
	await page.addInitScript(() => {
		addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) => {
			const { noteViolation } = globalThis as unknown as { noteViolation(what: string): void };
			noteViolation(`${violatedDirective} ${blockedURI} ${sample}`);
		});
	});
	page.on("dialog", (dialog) => {
		noted.push(`dialog: ${dialog.message()}`);
		// A page that is going away has closed it already.
		dialog.dismiss().catch(() => {});
	});
	page.on("console", (line) => noted.push(`console: ${line.text()}`));
	page.on("pageerror", (error) => noted.push(`error: ${error.message}`));
	page.on("request", (request) => {
		if (request.url() === `${url}/end?${ends}`) ends++;
		else if (request.url() !== `${url}/`) noted.push(`request: ${request.url().slice(0, 200)}`);
	});
	await page.goto(`${url}/`);
	page.on("framenavigated", (frame) => noted.push(`navigation: ${frame.url()}`));

	return {
		page,
		async seen() {
			const end = ends;
			// Everything that the page asked for before comes before this, and a frame has been painted.
			await page.evaluate(async (number) => {
				await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
				await fetch(`/end?${number}`, { method: "HEAD" });
			}, end);
			await until(() => ends > end);
			return noted;
		},
		async close() {
			await context.close();
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}
