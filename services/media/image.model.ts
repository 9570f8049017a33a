import { DataTypes } from "sequelize";
import type { Table } from "../../mixins/crud.ts";
import type { ImageType } from "./media.contract.ts";

/** An image as Sequelize reads and writes it. image-lifecycle.ts explains the columns. */
export interface ImageRow {
	id: string;
	conversationId: string;
	uploaderId: string;
	status: "PENDING" | "READY" | "DELETING" | "GONE";
	originalFilename: string | null;
	/** As declared by the client; from READY on, as found in the image. The same holds for the size. */
	mimeType: ImageType;
	fileSizeBytes: number;
	width: number | null;
	height: number | null;
	placeholder: string | null;
	uploadKey: string;
	storageKey: string;
	previewKey: string;
	thumbnailKey: string;
	clientId: string | null;
	deleteAfter: Date | null;
	createdAt: Date;
	updatedAt: Date;
}

export const imageTable: Table = {
	name: "images",
	define: {
		id: { type: DataTypes.UUID, primaryKey: true },
		conversationId: { type: DataTypes.UUID, allowNull: false },
		uploaderId: { type: DataTypes.TEXT, allowNull: false },
		status: { type: DataTypes.TEXT, allowNull: false },
		originalFilename: DataTypes.TEXT,
		mimeType: { type: DataTypes.TEXT, allowNull: false },
		fileSizeBytes: { type: DataTypes.INTEGER, allowNull: false },
		width: DataTypes.INTEGER,
		height: DataTypes.INTEGER,
		placeholder: DataTypes.TEXT,
		uploadKey: { type: DataTypes.TEXT, allowNull: false },
		storageKey: { type: DataTypes.TEXT, allowNull: false },
		previewKey: { type: DataTypes.TEXT, allowNull: false },
		thumbnailKey: { type: DataTypes.TEXT, allowNull: false },
		clientId: DataTypes.UUID,
		deleteAfter: DataTypes.DATE(3),
	},
};
