package main

// notes say what holds back what is not reached, and what was tried.
const notes = `
`
