"""The yardstick: a Flask and PyMongo app that knows nothing of SCIM.

It has no credentials, no validation, no log and no transactions, and a group's members are an array. Its writes wait
for the majority, as scimd's do, and the same gunicorn runs it with the same settings.
"""

from __future__ import annotations

import os
import uuid
from typing import Any

from flask import Flask, Response, abort, jsonify, request
from pymongo import MongoClient, ReturnDocument
from pymongo.errors import DuplicateKeyError

DATABASE = "bare"


def create_app() -> Flask:
    """Return the application, with a client for the worker that calls this."""
    app = Flask(__name__)
    client: MongoClient[dict[str, Any]] = MongoClient(os.environ["SCIMD_MONGODB_URI"], w="majority", maxPoolSize=20)
    users, groups = client[DATABASE]["users"], client[DATABASE]["groups"]

    @app.get("/users/<user_id>")
    def read(user_id: str) -> Response:
        return jsonify(users.find_one({"_id": user_id}) or abort(404))

    @app.get("/users")
    def query() -> Response:
        name = request.args.get("userName")
        if name is not None:
            return jsonify([user for user in [users.find_one({"userName": name})] if user])
        skip, limit = request.args.get("skip", 0, int), request.args.get("limit", 100, int)
        return jsonify(list(users.find().sort("_id", 1).skip(skip).limit(limit)))

    @app.post("/users")
    def create() -> tuple[Response, int]:
        user = {**request.get_json(), "_id": str(uuid.uuid4())}
        try:
            users.insert_one(user)
        except DuplicateKeyError:
            abort(409)
        return jsonify(user), 201

    @app.patch("/users/<user_id>")
    def change(user_id: str) -> Response:
        after = users.find_one_and_update(
            {"_id": user_id}, {"$set": request.get_json()}, return_document=ReturnDocument.AFTER
        )
        return jsonify(after or abort(404))

    @app.delete("/users/<user_id>")
    def delete(user_id: str) -> tuple[str, int]:
        user = users.find_one_and_delete({"_id": user_id}) or abort(404)
        if member_of := [group["value"] for group in user.get("groups", ())]:
            groups.update_many({"_id": {"$in": member_of}}, {"$pull": {"members": user_id}})
        return "", 204

    @app.post("/groups")
    def create_group() -> tuple[Response, int]:
        group = {**request.get_json(), "_id": str(uuid.uuid4()), "members": []}
        try:
            groups.insert_one(group)
        except DuplicateKeyError:
            abort(409)
        return jsonify(group), 201

    @app.post("/groups/<group_id>/members")
    def add(group_id: str) -> tuple[str, int]:
        done = groups.update_one({"_id": group_id}, {"$addToSet": {"members": {"$each": request.get_json()}}})
        return ("", 204) if done.matched_count else abort(404)

    return app
