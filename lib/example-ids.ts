/** Ids for all examples in contracts. They show the same case everywhere: Alice applied for Bob's job and writes to him. */
export const exampleIds = {
	alice: "user-alice",
	bob: "user-bob",
	jobApplication: "application-1",
	conversation: "01a20726-e868-74ae-95fe-d3c6612b91cb",
	message: "01a20727-0b1c-7d55-8f0e-5c1f4b7a9e21",
	image: "01a20727-6f3a-7a08-b2d4-93e1c05f7b66",
	device: "01a20727-9d4e-7c31-8a6b-2f5e0d1c7b43",
	notification: "01a20727-b1e2-7f60-9c84-6d3a5e0f2b19",
	client: "7b0c3f9e-52d1-4c86-9a3e-0f4d2b6e8a15",
};
