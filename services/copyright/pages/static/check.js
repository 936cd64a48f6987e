"use strict";

const drop = document.getElementById("drop");
const verdict = document.getElementById("verdict");

async function check(file) {
  if (!file || !verdict) return;
  verdict.className = "";
  if (!window.crypto || !crypto.subtle) {
    verdict.className = "bad";
    verdict.textContent = verdict.dataset.insecure;
    return;
  }
  verdict.textContent = verdict.dataset.busy;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const row = document.querySelector(`tr[data-sha256="${hex}"]`);
  verdict.className = row ? "good" : "bad";
  verdict.textContent = row ? verdict.dataset.good + row.dataset.path : verdict.dataset.bad;
}

if (drop) {
  document.getElementById("file").addEventListener("change", (event) => check(event.target.files[0]));
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, (event) => event.preventDefault());
  }
  document.addEventListener("drop", (event) => check(event.dataTransfer.files[0]));
}
