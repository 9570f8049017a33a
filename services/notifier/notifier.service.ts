import { callerOf, type Meta } from "../../lib/access.ts";
import { ParleyError } from "../../lib/errors.ts";
import { checkDatabase, database, type WithDatabase } from "../../mixins/database.ts";
import { defineService } from "../service.ts";
import { checkPushUrl } from "./channels/safe-address.ts";
import { listDead, retryDead } from "./deliveries/dead.ts";
import { addDevice, deleteDevice, listDevices } from "./devices/devices.ts";
import { lookAgain } from "./due/unnotified.ts";
import { forgetPerson } from "./forget.ts";
import { Notifier } from "./notifier.ts";
import { openContext } from "./open-context.ts";
import { putSettings, settingsOfUser } from "./settings/settings.ts";
import { askToUnsubscribe, type Page, unsubscribe } from "./settings/unsubscribe.ts";
import { pagePolicy } from "./settings/unsubscribe-page.ts";

interface This extends WithDatabase {
	/** Set once the service has started. */
	notifier: Notifier;
}

export default defineService<"notifier", This>("notifier", {
	mixins: [database],
	actions: {
		settings: {
			handler(ctx) {
				return settingsOfUser(this.db, ctx, callerOf(ctx).id);
			},
		},
		putSettings: {
			async handler(ctx) {
				const { id } = callerOf(ctx);
				await putSettings(this.db, id, ctx.params);
				await lookAgain(this.db, id, null, Date.now());
				return settingsOfUser(this.db, ctx, id);
			},
		},
		addDevice: {
			async handler(ctx) {
				const { allow } = this.broker.config.notifications.webPush;
				const checkUrl = (url: string) => checkPushUrl(url, allow);
				const { device, created } = await addDevice(this.db, callerOf(ctx).id, ctx.params, checkUrl);
				ctx.meta.$statusCode = created ? 201 : 200;
				ctx.meta.$location = `/notifications/devices/${device.id}`;
				return device;
			},
		},
		devices: {
			async handler(ctx) {
				return { items: await listDevices(this.db, callerOf(ctx).id), nextCursor: null };
			},
		},
		deleteDevice: {
			async handler(ctx) {
				await deleteDevice(this.db, callerOf(ctx).id, ctx.params.id);
				ctx.meta.$statusCode = 204;
				return null;
			},
		},
		vapidKey: {
			async handler() {
				const { publicKey } = this.broker.config.notifications.webPush;
				if (publicKey === undefined) throw new ParleyError("NOT_FOUND", { message: "Web push is off on this server." });
				return { publicKey };
			},
		},
		askToUnsubscribe: {
			async handler(ctx) {
				return show(ctx, await askToUnsubscribe(this.db, ctx, ctx.params.token));
			},
		},
		unsubscribe: {
			async handler(ctx) {
				return show(ctx, await unsubscribe(this.db, ctx, ctx.params.token));
			},
		},
		dead: {
			handler(ctx) {
				return listDead(this.db, ctx.params);
			},
		},
		retry: {
			async handler(ctx) {
				await retryDead(this.db, ctx.params.id, Date.now());
				ctx.meta.$statusCode = 202;
				return { id: ctx.params.id };
			},
		},
		health: {
			handler() {
				return checkDatabase(this.db);
			},
		},
	},
	events: {
		"message.created": {
			async handler() {
				this.notifier.lookNow();
			},
		},
		"conversation.read": {
			async handler(ctx) {
				this.notifier.read(ctx.params.userId, ctx.params.conversationId);
			},
		},
		"conversation.muted": {
			handler(ctx) {
				return lookAgain(this.db, ctx.params.userId, ctx.params.conversationId, Date.now());
			},
		},
		"user.erased": {
			handler(ctx) {
				return forgetPerson(this.db, ctx.params.userId);
			},
		},
	},
	async started() {
		this.notifier = new Notifier(await openContext(this));
		this.notifier.start();
	},
	async stopped() {
		await this.notifier?.stop();
	},
});

/** Answers with a page, to a browser. */
function show({ meta }: { meta: Meta }, { status, html }: Page): string {
	meta.$statusCode = status;
	meta.$responseType = "text/html; charset=utf-8";
	meta.$responseHeaders = { "Content-Security-Policy": pagePolicy };
	return html;
}
